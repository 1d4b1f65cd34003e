"""A line of a log: its message, and where every character of it stood in the text that was pasted."""

from __future__ import annotations

from bisect import bisect_right
from typing import Match, NamedTuple, Optional, Tuple, Union

from diagnosis.text.record import Place, Value
from diagnosis.text.unwrap import Piece, cut


class Line(NamedTuple):
    """`text` is the message: without stamp, prefix, quoting, colour. `source` says which task or CPU spoke, or ''.
    `number` counts lines, but for those that stand between the records of a journal: what is near by it is near.

    `spans` are (index in text, line, column) where a new stretch of the original begins.
    """

    text: str
    number: int
    spans: Tuple[Tuple[int, int, int], ...]
    source: str = ""
    stamp: str = ""

    def place(self, start: int, end: int) -> Place:
        """Where text[start:end] stands. What was wrapped ends with its first line."""
        if len(self.spans) == 1:
            index, line, column = self.spans[0]
            return Place(line, column + start - index, max(end - start, 0))
        at = bisect_right(self.spans, (start, 1 << 60, 0)) - 1
        last = at = max(at, 0)
        index, line, column = self.spans[at]
        while last + 1 < len(self.spans) and self.spans[last + 1][0] < end and self.spans[last + 1][1] == line:
            last += 1
        if last + 1 < len(self.spans) and self.spans[last + 1][0] < end:
            # The blank that joins the two lines stands in neither.
            end = start + len(self.text[start : self.spans[last + 1][0]].rstrip())
        end_column = self.spans[last][2] + end - self.spans[last][0]
        return Place(line, column + start - index, max(end_column - (column + start - index), 0))

    def value(self, name: str, found: Match[str], group: Union[int, str] = 0, base: int = 0) -> Value:
        """What a group of a match says. `base` 0: not a number."""
        text = found[group]
        number: Optional[int] = None
        if base and len(text) <= 64:
            try:
                number = int(text, base)
            except ValueError:
                number = None
        return Value(name, text, self.place(found.start(group), found.end(group)), number)

    def after(self, start: int) -> Line:
        """The rest of the line from `start` on."""
        piece = cut(Piece(self.text, self.number, self.spans), start, len(self.text))
        return Line(piece.text, piece.number, piece.spans, self.source, self.stamp)
