"""What the probe's tests share: the tree, a dashboard on loopback, and processes that are followed by pid."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

needs_xfs = pytest.mark.skipif(
    shutil.which("mkfs.xfs", path="/usr/sbin:/sbin") is None or "\txfs\n" not in Path("/proc/filesystems").read_text(),
    reason="needs mkfs.xfs and a kernel with XFS",
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "real_probe: holds pages of this machine for a few seconds; needs root and /dev/fuse"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.geteuid() == 0 and os.access("/dev/fuse", os.R_OK | os.W_OK):
        return
    for item in items:
        if item.get_closest_marker("real_probe"):
            item.add_marker(pytest.mark.skip(reason="real probes need root and /dev/fuse, and one of them is not here"))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from probes.archive.build import build

    path = tmp_path_factory.mktemp("pyz") / "probe.pyz"
    path.write_bytes(build(ROOT))
    return path


@pytest.fixture
def probe(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line to its end, in this tree, with a home folder of its own."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "probes", *arguments],
            cwd=ROOT,
            env={**_clean(tmp_path), **environment},
            capture_output=True,
            text=True,
            timeout=180,
        )

    return run


@pytest.fixture
def probe_started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command line; whatever the test does, it is gone at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "probes", *arguments],
            cwd=ROOT,
            env=_clean(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


def _clean(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UNMIGRATABLE")}
    return {**kept, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "PYTHONWARNINGS": "error"}


Reply = tuple[int, dict[str, str], dict[str, Any]]


class Dashboard:
    """A real HTTP server that gives the replies it was told to give, in order, and keeps what it was sent."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        dashboard = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                dashboard.requests.append((self.path, headers, body))
                status, extra, told = dashboard.replies.pop(0)
                answer = json.dumps(told).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **extra}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    served = Dashboard()
    yield served
    served.close()


@pytest.fixture
def taken() -> Reply:
    return 202, {"Location": "/api/v1/reports/7/"}, {"id": 7, "state": "received"}


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for a condition, and fail with a sentence where it does not come."""

    def wait(condition: Callable[[], Any], seconds: float, complaint: str) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{complaint} within {seconds:g} s"
            time.sleep(0.02)

    return wait
