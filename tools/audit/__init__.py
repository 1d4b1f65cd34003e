"""Tables read from a kernel's source by machine: who pins, what does not migrate, where migration waits.

`python -m tools.audit` tells its commands. A regular expression is no compiler: a table says where to look, with
file, function and line, and it is the same question to every tree.
"""
