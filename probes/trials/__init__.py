"""Ways out, measured: the same cases on the same kernel without and with a setting or a patch, or on two releases."""
