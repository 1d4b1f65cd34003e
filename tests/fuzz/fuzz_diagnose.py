"""Atheris against the reader of pasted texts: no exception, no hang, places inside the text, bounded output.

    pip install atheris
    python tests/fuzz/fuzz_diagnose.py -max_total_time=600 -max_len=4096 -timeout=10 CORPUS_FOLDER

An empty folder will do; it is filled with what covers more. `--seed FOLDER` writes the captures of the tests there.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

MAX_FACTOR, MAX_FIXED = 60, 60_000


def check(data: bytes) -> None:
    """What must hold for every text whatever."""
    from diagnosis.answers.plain import shown
    from diagnosis.diagnose import diagnose
    from diagnosis.formats import kernel_log
    from diagnosis.matching.known import signatures
    from diagnosis.matching.observation import Context

    found = diagnose(data, signatures())
    lines = found.text.split("\n")
    for record in found.records:
        for value in record.values:
            place = value.place
            assert 1 <= place.line <= len(lines), place
            assert place.column >= 1 and place.column - 1 + place.length <= len(lines[place.line - 1]), place
    for finding in found.findings:
        assert finding.records and finding.verdict.sentence
    text = shown(found)
    assert len(text) <= MAX_FIXED + MAX_FACTOR * len(found.text)
    assert "\x1b" not in text
    text.encode("utf-8")
    keys = [one.key for one in kernel_log.observations(data, Context("6.12"))]
    assert len(keys) == len(set(keys))


def seed(folder: Path) -> None:
    """One file for each dump, stack and line of inspect that the tests have."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (ROOT / "tests" / "diagnosis" / "captures").glob("*.txt"):
        text = path.read_text()
        (folder / path.stem).write_text(text[:4_000])
        for number in range(0, min(len(text), 12_000), 600):
            (folder / f"{path.stem}-{number}").write_text(text[number : number + 600])


def main() -> None:
    if sys.argv[1:2] == ["--seed"]:
        seed(Path(sys.argv[2]))
        return
    import atheris

    with atheris.instrument_imports():
        import diagnosis.answers.plain
        import diagnosis.formats.kernel_log  # noqa: F401
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
