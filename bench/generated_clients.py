"""Clients that others generate from the OpenAPI document: made without a warning, type-checked, and sent on a round.

openapi-python-client with mypy --strict, @hey-api/openapi-ts with tsc --strict. `make check-api` installs them in var/.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.site import ROOT

FOLDER = ROOT / "var" / "clients"
OURS = ROOT / "bench" / "clients"


class Failed(Exception):
    pass


def check(address: str, document: bytes, secret: str) -> None:
    """Raises `Failed`, with what was printed."""
    path = FOLDER / "openapi.json"
    path.write_bytes(document)
    with _reading():
        _python(path, address, secret)
        _typescript(address, secret)


def _python(document: Path, address: str, secret: str) -> None:
    made = FOLDER / "python"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    shutil.copy(OURS / "round.py", made)
    tool, config = FOLDER / "bin" / "openapi-python-client", OURS / "openapi-python-client.yml"
    where = ["--path", document, "--output-path", made / "generated", "--config", config]
    told = _run([tool, "generate", "--meta", "none", *where], made)
    if "arning" in told:
        raise Failed(told)
    _run([FOLDER / "bin" / "mypy", "--strict", "--config-file", OURS / "mypy.ini", "generated", "round.py"], made)
    print(_run([FOLDER / "bin" / "python", "round.py", address, secret], made).strip())


def _typescript(address: str, secret: str) -> None:
    made = FOLDER / "typescript"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    for name in ("round.ts", "tsconfig.json", "package.json", "openapi-ts.config.js"):
        shutil.copy(OURS / name, made)
    (made / "node_modules").symlink_to(FOLDER / "node_modules")
    told = _run([FOLDER / "node_modules" / ".bin" / "openapi-ts"], made)
    if "warn" in told.lower():
        raise Failed(told)
    _run([FOLDER / "node_modules" / ".bin" / "tsc", "-p", "."], made)
    print(_run(["node", "built/round.js", address, secret], made).strip())


def _run(command: list[str | Path], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


@contextmanager
def _reading() -> Iterator[None]:
    """A worker, without a broker: what comes in is read soon."""
    from django.db import connection

    from reports.worker import ingest

    over = threading.Event()

    def work() -> None:
        while not over.wait(0.3):
            ingest.drain()
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()
