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
    r">>? ?(?:/(?:sys|proc|etc|mnt|mount)/|\$)|\b(?:tee [/$]|sysctl (?:-w )?[a-z_.]+ ?=|sync\b|swapo(?:n|ff) "
    r"|u?mount (?:-|/|[a-z]+:)|modprobe |rmmod |dmsetup (?:suspend|resume|remove)|nft (?:add|delete|'add)"
    r"|touch /|rm /|kill -CONT|probe\.pyz (?:run|lab)\b|trace-cmd record|docker (?:un)?pause\b"
    r"|grubby --update|sed -i|update-grub\b)",
)


def at_least(run: str) -> str:
    """The mildest word of COMMANDS that is true of it."""
    if _LOSES.search(run):
        return "loses_data"
    return "changes" if _CHANGES.search(run) else "reads"
