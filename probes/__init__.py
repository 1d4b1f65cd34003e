"""Makes the cases happen on a machine, measures what a mover can do about them, and sends the result.

Python 3.9, standard library and ctypes only; imports `diagnosis` and nothing else of the project.
"""
