"""The signatures of the case files, for those who have no database: `make signatures` writes known.json.

probe.pyz carries that file. A test says when it is out of step with the files.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from catalog.documents.parser import parse
from catalog.documents.schema import CaseText, Sign
from diagnosis.matching import match

ROOT = Path(__file__).parents[2]
CASES = ROOT / "data" / "cases"
KNOWN = ROOT / "diagnosis" / "matching" / "known.json"


def signature_of(case: CaseText) -> match.Signature:
    """A case's signature. Where it names no mechanisms, a case may be the holder wherever its own one is proved."""
    said = case.signature
    own = (case.mechanism,) if case.kind == "case" else ()
    return match.Signature(
        case=case.case,
        names=frozenset([case.case, *case.aliases, *said.names]),
        title=case.title,
        kind=case.kind,
        mechanisms=said.mechanisms or own,
        needs=said.needs,
        proves=_signs(said.proves),
        supports=_signs(said.supports),
        contradicts=_signs(said.contradicts),
        tell=tuple(match.Tell(tell.run, tell.tells) for tell in said.tell),
    )


def written() -> str:
    """What known.json has to hold: every case of the files, by slug."""
    return json.dumps([_plain(path) for path in sorted(CASES.glob("*.md"))], indent=1, ensure_ascii=False) + "\n"


def _plain(path: Path) -> dict[str, Any]:
    parsed = parse(path.read_text(encoding="utf-8"))
    assert isinstance(parsed, CaseText), path
    made = asdict(signature_of(parsed))
    made["names"] = sorted(made["names"])
    del made["fingerprints"]
    return {name: value for name, value in made.items() if value not in ("", (), [])}


def _signs(signs: tuple[Sign, ...]) -> tuple[match.Sign, ...]:
    return tuple(match.Sign(sign.marks, sign.why) for sign in signs)


if __name__ == "__main__":
    KNOWN.write_text(written(), encoding="utf-8")
