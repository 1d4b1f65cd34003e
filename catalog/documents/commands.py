"""The commands of a document: what each does to the machine of whoever runs it, as the mark of its fence says.

    ```sh reads          it changes nothing
    ```sh changes        it changes state; the text says how to put it back
    ```sh loses_data     it ends requests, connections or mounts, and what they held is gone

A mark is a promise of its author. Commands that are known to change something are never shown as milder than they are,
whatever stands behind the fence.
"""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from catalog.documents.parser import Problem, head_and_body, parse
from catalog.documents.schema import CaseText
from diagnosis.words.commands import at_least
from diagnosis.words.vocabulary import COMMANDS

SHELL = frozenset({"sh", "bash", "shell", "console"})
_MARKS = tuple(COMMANDS)  # the mildest first


def does(info: str, code: str) -> str:
    """The word of COMMANDS for a fence of shell: 'unmarked' where its author says none, '' for what is no command."""
    language, _, said = info.strip().partition(" ")
    if language not in SHELL:
        return ""
    if said.strip() not in _MARKS:
        return "unmarked"
    return max(said.strip(), at_least(code), key=_MARKS.index)


def problems(text: str) -> list[Problem]:
    """What is wrong with the commands of a good document: no mark, too mild a mark, or none of the places for one."""
    _, body, first = head_and_body(text)
    found = [problem for token in MarkdownIt("commonmark").parse(body) for problem in _of_token(token, first)]
    parsed = parse(text)
    if isinstance(parsed, CaseText):
        for tell in parsed.signature.tell:
            if at_least(tell.run) != "reads":
                line = text[: max(text.find(tell.run.split("\n")[0]), 0)].count("\n") + 1
                found.append(
                    Problem(line, "signature.tell", "expected a command that only reads: a diagnosis asks for it")
                )
    return sorted(found, key=lambda problem: problem.line)


def _of_token(token: Token, first: int) -> Iterator[Problem]:
    line = first + (token.map or (0, 0))[0]
    if token.type == "code_block":
        yield Problem(line, "", "expected a fence instead of indented code, so that it can have a mark")
    elif token.type == "fence" and (said := _wrong_with(token.info, token.content)):
        yield Problem(line, "", said)
    for child in token.children or ():
        typed = child.content if child.type == "code_inline" else ""
        if typed.startswith(("sudo ", "echo ")) and at_least(typed) != "reads":
            yield Problem(line, "", f"expected a fence with its mark for a command that changes state: {typed}")


def _wrong_with(info: str, code: str) -> str:
    language, _, said = info.strip().partition(" ")
    if not language:
        return "expected a language behind the fence: `text` for output, `sh` and a mark for commands"
    if language not in SHELL:
        return ""
    if said not in _MARKS:
        return f"expected a mark behind `{language}`: one of {', '.join(_MARKS)}"
    if _MARKS.index(said) < _MARKS.index(at_least(code)):
        return f"expected the mark {at_least(code)}, or a block of its own for what needs it; found {said}"
    return ""
