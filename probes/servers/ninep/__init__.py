"""A 9P file system of one file, over a pair of sockets, whose server withholds answers for a bounded time."""
