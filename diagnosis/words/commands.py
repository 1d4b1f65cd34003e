"""What a shell command does to the machine of whoever runs it, at least: a word of COMMANDS, by the words in it.

It knows the commands that this project tells people to run. What it does not know it calls mild, so that its answer is
a floor below what an author says, and no proof.
"""

from __future__ import annotations

import re

# Ends requests, connections, mounts or processes.
_LOSES = re.compile(
    r"/abort\b|\bumount -[fl]|\bss -K|\bnbd-client -d|\bkill (?!-CONT)|\bpkill\b|\bdisablequeueing\b"
    r"|\bmkfs|\bdd of=|\brm -",
)
_CHANGES = re.compile(
    r"\btee [/$]|>>? ?(?:/(?:sys|proc|etc|mnt|mount)/|\$)|\bsysctl (?:-w )?[a-z_.]+ ?=|\bsync\b|\bswapo(?:n|ff) "
    r"|\bu?mount (?:-|/|[a-z]+:)|\bmodprobe |\brmmod |\bdmsetup (?:suspend|resume|remove)|\bnft (?:add|delete|'add)"
    r"|\btouch /|\brm /|\bkill -CONT|\bprobe\.pyz (?:run|lab)\b|\btrace-cmd record|\bdocker (?:un)?pause\b"
    r"|\bgrubby --update|\bsed -i|\bupdate-grub\b",
)


def at_least(run: str) -> str:
    """The mildest word of COMMANDS that is true of it."""
    if _LOSES.search(run):
        return "loses_data"
    return "changes" if _CHANGES.search(run) else "reads"
