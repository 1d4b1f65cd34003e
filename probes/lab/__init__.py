"""Throw-away guests: real kernels booted under QEMU, in which the cases are measured with what can hurt a machine."""
