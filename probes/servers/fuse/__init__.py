"""A FUSE file system of one file, whose server withholds answers for a bounded time."""
