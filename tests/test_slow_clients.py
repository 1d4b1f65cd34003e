"""Clients that send slowly, or not at all, keep nobody else waiting: before the bare server for a time, and before the
proxy of deploy/ never."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from config import server
from tests.running import ROOT, Nodes, free_port, until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
STALLED = (
    b"POST /api/v1/diagnose/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\nabc"
)
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: 127"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Nodes]:
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    nodes = Nodes(tmp_path / "var", f"{base}/{connection.settings_dict['NAME']}", only=["web"])
    try:
        until(nodes.is_up, 60, nodes.log.read_text)
        yield nodes
    finally:
        nodes.stop()


def test_a_stalled_upload_is_answered_and_its_thread_freed(site: Nodes) -> None:
    with socket.create_connection(("127.0.0.1", site.port), 60) as client:
        client.sendall(STALLED)
        assert client.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_more_stalled_uploads_than_threads_are_outlived(site: Nodes) -> None:
    many = server.workers * server.threads + 4
    clients = [socket.create_connection(("127.0.0.1", site.port), 60) for _ in range(many)]
    try:
        for client in clients:
            client.sendall(STALLED)
        until(site.is_up, 90, "the stalled uploads still keep every thread")
    finally:
        for client in clients:
            client.close()
    assert "WORKER TIMEOUT" not in site.log.read_text()


@pytest.mark.skipif(not shutil.which("nginx"), reason="needs Debian's nginx-light")
def test_behind_the_proxy_slow_clients_reach_no_thread(site: Nodes, tmp_path: Path) -> None:
    with Proxy(tmp_path / "proxy", site.port) as proxy:
        until(proxy.answers, 90, proxy.log)
        clients = [proxy.connect() for _ in range(40)]
        try:
            for number, client in enumerate(clients):
                client.sendall(STALLED if number % 2 else HALF_A_HEAD)
            # More than threads, none of which has passed its time: each answer comes from a free thread.
            for _ in range(10):
                assert proxy.answers()
            assert all(not _has_ended(client) for client in clients[:3]), "they were not slow, but gone"
        finally:
            for client in clients:
                client.close()


def _has_ended(client: socket.socket) -> bool:
    client.settimeout(0.05)
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False


class Proxy:
    """nginx with the project's own file, on free ports of loopback, without being root's service."""

    def __init__(self, folder: Path, web: int) -> None:
        folder.mkdir()
        self.folder, self.port = folder, free_port()
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        keys = ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run(
            [
                *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
                *keys,
            ],
            check=True,
            capture_output=True,
        )
        text = (ROOT / "deploy" / "nginx.conf.template").read_text()
        for word, value in {
            "${SERVER_NAME}": "localhost",
            "${WEB}": f"127.0.0.1:{web}",
            "${TLS_CERTIFICATE}": str(certificate),
            "${TLS_KEY}": str(key),
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl;\n": "",
        }.items():
            assert word in text, word
            text = text.replace(word, value)
        (folder / "site.conf").write_text(text)
        temporary = "".join(
            f"{what}_temp_path {folder}/{what};\n" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{ worker_connections 512; }}\n"
            f"http {{ access_log off; {temporary} include {folder}/site.conf; }}\n"
        )

    def __enter__(self) -> Proxy:
        user = "user root;" if self.folder.owner() == "root" else ""  # whose folders these are
        self.process = subprocess.Popen(
            ["nginx", "-c", str(self.folder / "nginx.conf"), "-e", str(self.folder / "error.log"), "-g", user]
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def log(self) -> str:
        return (self.folder / "error.log").read_text()

    def connect(self) -> ssl.SSLSocket:
        return _unchecked().wrap_socket(socket.create_connection(("127.0.0.1", self.port), 30))

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"https://localhost:{self.port}/healthz", timeout=8, context=_unchecked()
            ) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _unchecked() -> ssl.SSLContext:
    """Our own certificate, made a moment ago and known to nobody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
