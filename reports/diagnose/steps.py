"""What the page of a proved case says to do now, for who stands before the verdict: whole, and with its marks."""

from __future__ import annotations

from dataclasses import dataclass

from markdown_it import MarkdownIt

from catalog.documents import commands
from catalog.documents.current import case_text
from catalog.documents.parser import NOW_SECTION
from catalog.models import Case
from diagnosis.rules.verdict import Candidate
from diagnosis.words.vocabulary import COMMANDS, look_up


@dataclass(frozen=True)
class Steps:
    """`text`: CommonMark, as the page has it."""

    case: Case
    text: str

    @property
    def address(self) -> str:
        return f"{self.case.get_absolute_url()}#what-to-do-now"

    @property
    def plain(self) -> str:
        """For a terminal: a command's fence becomes the mark that the page shows above it."""
        lines = self.text.split("\n")
        for token in MarkdownIt("commonmark").parse(self.text):
            if token.type != "fence" or token.map is None:
                continue
            first, end = token.map
            indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
            mark = commands.does(token.info, token.content) if self.case.document.is_reviewed else ""
            lines[first] = f"{indent}[{look_up(COMMANDS, mark).label}]" if mark in COMMANDS else ""
            if lines[end - 1].strip() == token.markup:
                lines[end - 1] = ""
        return "\n".join(lines).strip() + "\n"


def of(candidate: Candidate, case: Case) -> Steps | None:
    """None where the case is not proved, or its page says nothing of what to do."""
    text = case_text(case.document) if candidate.is_proved else None
    said = text.sections.get(NOW_SECTION, "") if text else ""
    return Steps(case, said) if said else None
