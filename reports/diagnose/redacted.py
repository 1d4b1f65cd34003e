"""Preview of the redactions made before a text is public: shown to its sender, line by line."""

from __future__ import annotations

from dataclasses import dataclass

from diagnosis.formats import redact
from diagnosis.matching import naming

MOST_SHOWN = 100


@dataclass(frozen=True)
class RedactedLine:
    number: int
    before: str
    after: str


@dataclass(frozen=True)
class Preview:
    """`text`: redacted, as the public would see it. `lines`: those that change, at most MOST_SHOWN of `nr_lines`."""

    text: str
    lines: tuple[RedactedLine, ...]
    nr_lines: int


def preview(text: str) -> Preview:
    made, changed = [], []
    for number, line in enumerate(text.split("\n"), 1):
        clean = naming.straight(redact.text(line))
        made.append(clean)
        if clean != line:
            changed.append(RedactedLine(number, line[:300], clean[:300]))
    return Preview("\n".join(made), tuple(changed[:MOST_SHOWN]), len(changed))
