"""The results out of what a guest wrote to its second serial port, which may have stopped anywhere."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Dict, List, Optional

from probes.lab.guest import MARK

_MARK = re.compile(r"%s (boot|begin|result|end|done) ?(.*)" % re.escape(MARK))


@dataclass(frozen=True)
class Result:
    """What one job printed. `fault` says why the body cannot be used; it is then empty."""

    job: str
    code: Optional[int]
    body: bytes
    fault: str = ""


@dataclass
class Log:
    """`booted_seconds`: the guest's own clock when its first program ran; None where it never did."""

    booted_seconds: Optional[float] = None
    release: str = ""
    results: Dict[str, Result] = field(default_factory=dict)
    unfinished: List[str] = field(default_factory=list)
    done: bool = False


def read(data: bytes) -> Log:
    """Everything that can be known. A serial port turns a line's end into CR LF, and a kill may cut it anywhere."""
    log = Log()
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    at, begun = 0, None
    while at < len(lines):
        match = _MARK.fullmatch(lines[at])
        at += 1
        if match is None:
            continue
        kind, words = match[1], match[2].split()
        if kind == "boot" and len(words) == 2:
            log.booted_seconds, log.release = _number(words[0]), words[1]
        elif kind == "begin" and words:
            begun = words[0]
            log.unfinished.append(begun)
        elif kind == "result" and len(words) == 2:
            result, at = _result(words[0], words[1], lines, at)
            if result is not None:
                log.results[result.job] = result
                log.unfinished = [job for job in log.unfinished if job != result.job]
        elif kind == "done":
            log.done = True
    return log


def _result(job: str, digest: str, lines: List[str], at: int) -> "tuple[Optional[Result], int]":
    """The lines up to the job's `end`; None where it does not come, or another mark comes first."""
    body: List[str] = []
    while at < len(lines):
        match = _MARK.fullmatch(lines[at])
        if match is None:
            body.append(lines[at])
            at += 1
            continue
        words = match[2].split()
        if match[1] != "end" or not words or words[0] != job:
            return None, at
        code = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
        return _checked(job, code, digest, body), at + 1
    return None, at


def _checked(job: str, code: Optional[int], digest: str, lines: List[str]) -> Result:
    """The guest adds one line's end after the output, so that its mark stands at the beginning of a line."""
    text = "\n".join(lines)
    for candidate in (text, text[:-1] if text.endswith("\n") else text):
        body = candidate.encode()
        if hashlib.sha256(body).hexdigest() == digest:
            return Result(job, code, body, "" if body.strip() else "the probe printed nothing (exit code %s)" % code)
    return Result(job, code, b"", "what came over the serial port is not what the guest sent")


def _number(text: str) -> Optional[float]:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def said(data: bytes) -> List[str]:
    """The complete lines that are worth showing as progress: what the probe says, and the marks of jobs."""
    shown, inside = [], False
    for line in data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")[:-1]:
        match = _MARK.fullmatch(line)
        if match:
            inside = match[1] == "result"
            if match[1] != "result":
                shown.append("%s %s" % (match[1], match[2]))
        elif line.strip() and not inside:
            shown.append(line.rstrip())
    return shown
