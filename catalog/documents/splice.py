"""One change in a document's head, with every other line of its text left as somebody wrote it. Pure.

A text is data and typography: writing it anew from its data alone would turn each change of one fact into a diff of the
whole file. Where the head is written in a way that cannot be spliced, it is written anew all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from catalog.documents.parser import FENCE, Malformed, dump, parse, write
from catalog.documents.schema import DocumentText


def changed(text: str, wanted: DocumentText, edits: Sequence[tuple[str, int | None, Any]]) -> str:
    """A text that says `wanted`: `text` with `edits`, or, where they do not lead there, all of it written anew.

    An edit is (field, None, value) to set a field, (field, -1, item) to append to a list, or (field, index, fields) to
    add fields to an item of a list.
    """
    try:
        made = text
        for field, index, value in edits:
            made = _edited(made, field, index, value)
        if parse(made) == wanted:
            return made
    except (Malformed, ValueError, yaml.YAMLError):
        pass
    return write(wanted)


def _edited(text: str, field: str, index: int | None, value: Any) -> str:
    lines = text.split("\n")
    end = lines.index(FENCE, 1)
    head = yaml.compose("\n".join(lines[1:end]) + "\n", Loader=yaml.SafeLoader)
    assert isinstance(head, yaml.MappingNode)
    pair = next(((key, node) for key, node in head.value if key.value == field), None)
    if pair is None:
        lines[end:end] = dump({field: [value] if index == -1 else value}).splitlines()
    elif index is None or (index == -1 and not pair[1].value):
        value = value if index is None else [value]
        lines[_begin(pair[0]) : _end(pair[1], lines, end)] = dump({field: value}).splitlines()
    else:
        node = pair[1]
        if not isinstance(node, yaml.SequenceNode) or node.flow_style or not node.value:
            raise ValueError("not a list in lines")
        if index == -1:
            at, made = _end(node, lines, end), _shifted(dump([value]), node.start_mark.column)
        else:
            item = node.value[index]
            if item.flow_style:
                raise ValueError("not an item in lines")
            at, made = _end(item, lines, end), _shifted(dump(value), item.start_mark.column)
        lines[at:at] = made
    return "\n".join(lines)


def _begin(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _end(node: yaml.Node, lines: list[str], end: int) -> int:
    """The line after a node's last one that is not empty: YAML's own mark is that of what comes next."""
    at = min(node.end_mark.line + 1 + (node.end_mark.column > 0 and not _is_block(node)), end)
    while at > 1 and not lines[at - 1].strip():
        at -= 1
    return at


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _shifted(made: str, column: int) -> list[str]:
    return [" " * column + line if line else line for line in made.splitlines()]
