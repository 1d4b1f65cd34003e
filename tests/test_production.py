"""The commands of docs/operations.md, as they stand, bring up a site in production mode that works."""

from __future__ import annotations

import gc
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from config import server
from config.queueing import queues
from config.startup.environment import KNOWN
from local import run as local_run
from local.postgres import FAST, Postgres
from tests import builders
from tests.running import ROOT, asked, free_port, until

DOCUMENT = (ROOT / "docs" / "operations.md").read_text()
NAME = "unmigratable.example"
SYSTEMD = ROOT / "deploy" / "systemd"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def blocks() -> list[list[str]]:
    """Indented blocks of the section: environment, each release, the first person, what is kept running."""
    section = DOCUMENT.partition("## Run it in production\n")[2].partition("\n## ")[0]
    return [block.replace("    ", "").splitlines() for block in re.findall(r"(?:^    .+\n)+", section, re.MULTILINE)]


def services(line: str) -> tuple[str, ...]:
    """What a command line starts, without what belongs to the place where it runs."""
    words = shlex.split(line)
    for name in ("--bind", "--schedule"):
        if name in words:
            del words[words.index(name) : words.index(name) + 2]
    started = next(number for number, word in enumerate(words) if word in ("gunicorn", "celery"))
    return tuple(word for word in words[started:] if not word.startswith("--without-"))


def queues_of(commands: list[tuple[str, ...]]) -> list[str]:
    return sorted(name for one in commands if "-Q" in one for name in one[one.index("-Q") + 1].split(","))


def without_queues(words: tuple[str, ...]) -> tuple[str, ...]:
    """A worker, whichever queues it serves, by whatever name and however many at once."""
    made = list(words)
    for name in ("-Q", "--hostname", "--concurrency"):
        if name in made:
            del made[made.index(name) : made.index(name) + 2]
    return tuple(made)


def units() -> list[tuple[str, ...]]:
    """The programs of deploy/systemd, each worker once for each line that enables it."""
    made = []
    target = (SYSTEMD / "unmigratable.target").read_text()
    for name in ("web", "beat", "worker@"):
        (command,) = re.findall(
            r"^ExecStart=(.+)$", (SYSTEMD / f"unmigratable-{name}.service").read_text(), re.MULTILINE
        )
        instances = re.findall(r"unmigratable-worker@([a-z,]+)", target) if name == "worker@" else [""]
        made += [services(command.replace("/opt/unmigratable/.venv/bin/", "").replace("%I", one)) for one in instances]
    return made


def test_document_compose_systemd_and_make_run_start_the_same_programs() -> None:
    documented = [services(line) for line in blocks()[3]]
    local = [services(shlex.join(line)) for line in local_run.commands(8000).values()]
    compose = [services(one["command"]) for one in COMPOSE["services"].values() if "-A" in str(one.get("command"))]
    compose.append(services(COMPOSE["services"]["web"]["command"]))
    assert set(documented) == set(local)
    for others in (compose, units()):
        assert set(map(without_queues, others)) == set(map(without_queues, documented))
        assert queues_of(others) == queues_of(documented) == sorted(queues.QUEUES), (
            "each queue is served by one program"
        )


def test_no_program_has_more_rights_than_it_needs_in_compose() -> None:
    ours = [one for one in COMPOSE["services"].values() if one.get("image") == "unmigratable"]
    assert len(ours) >= 7
    for one in COMPOSE["services"].values():
        assert one["cap_drop"] == ["ALL"] and one["security_opt"] == ["no-new-privileges:true"]
    for one in ours:
        assert one["read_only"] and one["mem_limit"] and "cap_add" not in one


def test_secrets_come_to_compose_as_files_alone() -> None:
    for name, one in COMPOSE["services"].items():
        said = one.get("environment", {})
        assert not [key for key in said if re.search("PASS|SECRET|_URL$", key) and not key.endswith("_FILE")], name
    web = COMPOSE["services"]["web"]
    assert {Path(path).name for key, path in web["environment"].items() if key.endswith("_FILE")} == set(web["secrets"])
    assert {Path(one["file"]).name for one in COMPOSE["secrets"].values()} <= set(made_secrets())


def made_secrets() -> list[str]:
    return re.findall(r"^keep ([\w.-]+)", (ROOT / "deploy" / "make-secrets").read_text(), re.MULTILINE)


def test_one_environment_file_is_read_by_compose_and_systemd_alike() -> None:
    ours = [one for one in COMPOSE["services"].values() if one.get("image") == "unmigratable"]
    assert all(one["env_file"] == ["unmigratable.env"] for one in ours)
    for unit in SYSTEMD.glob("*.service"):
        assert "EnvironmentFile=/etc/unmigratable/unmigratable.env\n" in unit.read_text()
    example = (ROOT / "deploy" / "unmigratable.env.example").read_text()
    given = dict(line.split("=", 1) for line in example.splitlines() if line and line[0] != "#")
    assert given.keys() <= KNOWN.keys()


class Site:
    """What the document says, in a shell of its own, with the values of this test in the environment that it names."""

    def __init__(self, var: Path, database: str) -> None:
        self.port, self.log = free_port(), var / "log"
        values = {
            "UNMIGRATABLE_SECRET_KEY": secrets.token_urlsafe(50),
            "UNMIGRATABLE_VAR": str(var),
            "DATABASE_URL": database,
            "CELERY_BROKER_URL": "filesystem://localhost",
            "PORT": str(self.port),
        }
        documented = dict(line.split("=", 1) for line in blocks()[0])
        assert values.keys() <= documented.keys()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**documented, **values, "PATH": path, "HOME": str(var)}
        self.running: list[subprocess.Popen[bytes]] = []

    def do(self, line: str) -> str:
        done = subprocess.run(
            line, shell=True, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def keep(self, line: str) -> None:
        with self.log.open("ab") as log:
            self.running.append(
                subprocess.Popen(
                    f"exec {line}",
                    shell=True,
                    cwd=ROOT,
                    env=self.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """As the proxy asks, unless other headers are given."""
        made = headers or {"Host": NAME, "X-Forwarded-Proto": "https"}
        code, body = asked(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=made))
        return code, body.decode()

    def is_ready(self) -> bool:
        assert all(one.poll() is None for one in self.running), self.log.read_text()
        try:
            return self.get("/readyz", Host="10.1.2.3:80") == (200, "ready\n")
        except OSError:
            return False

    def stop(self) -> list[int]:
        for one in self.running:
            one.send_signal(signal.SIGTERM)
        return [one.wait(60) for one in self.running]

    def kill(self) -> None:
        for one in self.running:
            if one.poll() is None:
                os.killpg(one.pid, signal.SIGKILL)
                one.wait()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    server = Postgres(tmp_path / "postgres", FAST)
    var = tmp_path / "var"
    var.mkdir()
    made = Site(var, server.url)
    try:
        server.start()
        yield made
    finally:
        made.kill()
        server.erase()


@pytest.mark.processes
def test_the_documented_commands_bring_up_a_site_that_works(site: Site, tmp_path: Path) -> None:
    _, for_each_release, once, kept_running, *_ = blocks()
    for line in for_each_release + once:
        said = site.do(line)
    assert len(said.strip()) >= 12, "the maintainer's password"
    token = tmp_path / "token"
    site.do(f"python manage.py add_machine box --token-file {token}")
    for line in kept_running:
        site.keep(line)
    until(site.is_ready, 90, lambda: site.log.read_text()[-3000:])
    code, page = site.get("/")
    assert code == 200 and "fuse-writeback" in page
    found = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert found and site.get(found[1])[0] == 200
    assert site.get("/", Host="another.example")[0] == 400
    secret = token.read_text().strip()
    headers = {"Host": NAME, "X-Forwarded-Proto": "https", "Authorization": f"Bearer {secret}"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{site.port}/api/v1/reports/",
        builders.body(),
        {**headers, "Content-Type": "application/json"},
    )
    code, body = asked(request)
    assert code == 202, body
    address = re.search(rb"/api/v1/reports/[0-9a-f-]+/", body)
    assert address
    settled = '"state":"settled"'
    until(lambda: settled in site.get(address[0].decode())[1].replace(" ", ""), 60, site.log.read_text)
    assert set(site.stop()) == {0}
    log = site.log.read_text()
    assert "Traceback" not in log and log.count("DisallowedHost") == 1


def test_what_stays_to_the_end_is_left_out_of_garbage_collection() -> None:
    gc.collect()
    try:
        server.post_worker_init(None)
        assert gc.get_freeze_count() > 100_000
        assert gc.get_count()[2] == 0 and len(gc.get_objects()) < 10_000
    finally:
        gc.unfreeze()
