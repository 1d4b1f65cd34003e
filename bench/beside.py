"""`make bench-beside TREE=DIR`: another checkout of this project and this one, measured side by side in one run.

The other tree (a worktree of an earlier commit, say) needs its own `.venv` (`make .venv/ok-dev` there). Both get a
database on one server and are asked in turn, round by round: single submits and batches through gunicorn as each tree
starts it, draining by two processes, every page with 50 and with 500 cases, and pages under 16 clients. It prints
medians and the ratio now/before; above 1 is better for rates, below 1 for times.

    python -m bench.beside TREE [--rounds 5] [--seconds 4] [--drain 20000] [--only single,batch,drain,pages,clients]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench import load, site
from local.postgres import Postgres
from tests.running import free_port

ROOT = site.ROOT
FOLDER = ROOT / "var" / "bench-beside"
CLIENTS = 16
ASKED = ("/", "/cases/fuse-writeback/", "/kernels/")
FEW = "10000"
# In the words of each tree: what was moved since stands second.
MACHINE = """
import django; django.setup()
try:
    from people.access import machines
except ImportError:
    from people import machines
from people.models import User
print(machines.add("bench", User.objects.create(username="bench"), trusted=True))
"""
TEMPLATE = """
import django; django.setup()
from bench import site
print(site.template().decode(), end="")
"""
WORKER = """
import django; django.setup()
try:
    from reports.worker import ingest
except ImportError:
    from reports import ingest
while not ingest.drain(5):
    pass
"""
SERVER = {
    True: ["-c", "config/server.py"],
    False: ["--workers", "2", "--threads", "4", "--worker-class", "gthread", "--no-control-socket"],
}


class Tree:
    """A checkout with a database of its own: runs steps of its own code, and its site."""

    def __init__(self, name: str, root: Path, server: Postgres) -> None:
        self.name, self.root = name, root
        own = root / ".venv" / "bin" / "python"
        self.python = str(own) if own.exists() else sys.executable
        self.server = server
        self.folder = FOLDER / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.secret = ""

    def use(self, database: str) -> None:
        """From here on its steps and its site work on this database, which is made anew."""
        database = f"beside_{self.name}_{database}"
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database}")
            connection.execute(f"CREATE DATABASE {database}")
        self.environ = {
            **os.environ,
            **site.environment(self.server.url.rpartition("/")[0] + f"/{database}", self.folder),
            "PYTHONPATH": str(self.root),
        }

    def run(self, code: str, *arguments: str) -> str:
        command = [self.python, "-c", code, *arguments]
        done = subprocess.run(command, cwd=self.root, env=self.environ, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def manage(self, *command: str) -> None:
        step = [self.python, "manage.py", *command, "-v0"]
        subprocess.run(step, cwd=self.root, env=self.environ, stdout=subprocess.DEVNULL, check=True)

    def pages(self, act: str, *arguments: str) -> str:
        return self.run(f"from bench.pages import step; step({act!r}, *{arguments!r})")

    def drain(self) -> float:
        start = time.monotonic()
        command = [self.python, "-c", WORKER]
        workers = [subprocess.Popen(command, cwd=self.root, env=self.environ) for _ in range(2)]
        if any(worker.wait() for worker in workers):
            raise RuntimeError(f"a worker of {self.name} failed")
        return time.monotonic() - start

    def serve(self, bare: bool = False) -> None:
        self.port = free_port()
        how = SERVER[(self.root / "config" / "server.py").exists()]
        command = [self.python, "-m", "gunicorn", *how, "config.wsgi", "--keep-alive", "60", "--log-level", "error"]
        environ = {**self.environ, **({"BENCH_BARE": "1"} if bare else {})}
        self.process = subprocess.Popen([*command, "--bind", f"127.0.0.1:{self.port}"], cwd=self.root, env=environ)
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the site of {self.name} did not come up")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


def in_turn(trees: list[Tree], rounds: int, measure: Callable[[Tree], float]) -> dict[str, list[float]]:
    made: dict[str, list[float]] = {tree.name: [] for tree in trees}
    for number in range(rounds):
        for tree in trees if number % 2 else trees[::-1]:
            made[tree.name].append(measure(tree))
    return made


def tell(what: str, made: dict[str, list[float]], unit: str) -> None:
    medians = {name: statistics.median(values) for name, values in made.items()}
    each = "; ".join(f"{name} {medians[name]:.0f} ({', '.join(f'{one:.0f}' for one in made[name])})" for name in made)
    ratio = medians["now"] / medians["before"]
    print(f"| {what} | {each} | {unit} | {ratio:.2f} |", flush=True)


def submits(trees: list[Tree], body: bytes, rounds: int, seconds: float) -> None:
    ids = site.names()
    bare = Tree("bare", ROOT, trees[0].server)
    bare.environ = trees[0].environ
    with psycopg.connect(bare.environ["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE bench_bare (id bigserial primary key, sha256 text, body bytea)")

    def one(tree: Tree) -> float:
        asked = load.request("/api/v1/reports/", body, tree.secret)
        told = load.drive(tree.port, asked, ids, seconds, CLIENTS)
        if told.bad:
            raise RuntimeError(f"{told.bad} were not taken by {tree.name}, {told.answers} were: {told.refusal}")
        return told.per_second

    three = [*trees, bare]
    try:
        for tree in three:
            tree.serve(bare=tree is bare)
            one(tree)
        made = in_turn(three, rounds, one)
    finally:
        for tree in three:
            tree.stop()
    tell("one report a request, 16 connections", made, "reports/s")
    medians = {name: statistics.median(values) for name, values in made.items()}
    print(f"|   of the bare view | now {medians['now'] / medians['bare']:.2f}; ", end="")
    print(f"before {medians['before'] / medians['bare']:.2f} | share | |", flush=True)


def send_batch(tree: Tree, report: bytes, lines: int) -> float:
    """Seconds of one batch of so many new reports."""
    before, after = report.split(load.MARK)
    ids = site.names()
    body = b"\n".join(before + next(ids) + after for _ in range(lines))
    asked = load.request("/api/v1/batch/", body, tree.secret, "application/x-ndjson")
    start = time.monotonic()
    status = load.once(tree.port, asked)
    if status != 202:
        raise RuntimeError(f"{tree.name} answered the batch with {status}")
    return time.monotonic() - start


def batches(trees: list[Tree], body: bytes, rounds: int) -> None:
    try:
        for tree in trees:
            tree.serve()
            send_batch(tree, body, 500)
        made = in_turn(trees, rounds, lambda tree: 5000 / send_batch(tree, body, 5000))
    finally:
        for tree in trees:
            tree.stop()
    tell("a batch of 5,000", made, "reports/s")


def drains(trees: list[Tree], body: bytes, rounds: int, number: int) -> None:
    def fill_and_drain(tree: Tree) -> float:
        tree.serve()
        for _ in range(0, number, 5000):
            send_batch(tree, body, min(5000, number))
        tree.stop()
        return number / tree.drain()

    for tree in trees:
        tree.drain()  # what the rounds before left
    tell(f"draining {number:,}, two processes", in_turn(trees, rounds, fill_and_drain), "reports/s")


def pages(trees: list[Tree], cases: str, rounds: int) -> None:
    """CPU time of each page, of the process that serves it: the median of five, and of the rounds."""
    for tree in trees:
        tree.use(f"pages{cases}")
        tree.pages("base", cases, "20")
        tree.pages("fill", FEW, "5", "2")
    took: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for tree in trees:
            for page, cost in json.loads(tree.pages("measure")).items():
                took.setdefault(page, {}).setdefault(tree.name, []).append(cost["cpu_milliseconds"])
    both = {page: made for page, made in took.items() if len(made) == len(trees)}
    ratios = {
        page: statistics.median(made["now"]) / max(statistics.median(made["before"]), 0.1)
        for page, made in both.items()
    }
    for page in [*ASKED, *sorted((page for page in ratios if page not in ASKED), key=ratios.__getitem__)[-3:]]:
        tell(f"`{page}`, {cases} cases", both[page], "CPU ms")
    middle, worst = statistics.median(ratios.values()), max(ratios, key=ratios.__getitem__)
    print(f"| {len(ratios)} pages, {cases} cases | median of the ratios | | {middle:.2f} |")
    print(f"| most: `{worst}` | | | {ratios[worst]:.2f} |", flush=True)


def clients(trees: list[Tree], rounds: int, seconds: float) -> None:
    """The median answer of a page while 16 clients ask for it, each on a connection of its own."""
    try:
        for tree in trees:
            tree.manage("collectstatic", "--no-input")
            tree.serve()
        for page in ASKED:
            asked = f"GET {page} HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ".encode() + load.MARK + b"\r\n\r\n"

            def one(tree: Tree, asked: bytes = asked) -> float:
                told = load.drive(tree.port, asked, site.names(), seconds, CLIENTS, good_is=200)
                if told.bad:
                    raise RuntimeError(f"{told.bad} of {told.answers} of {tree.name} were not 200")
                return 1000 * CLIENTS / told.per_second

            for tree in trees:
                one(tree)
            tell(f"`{page}` for each of 16 clients, 50 cases", in_turn(trees, rounds, one), "ms")
    finally:
        for tree in trees:
            tree.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--drain", type=int, default=20_000)
    parser.add_argument("--only", default="single,batch,drain,pages,clients")
    given = parser.parse_args()
    wanted = given.only.split(",")
    FOLDER.mkdir(parents=True, exist_ok=True)
    server = Postgres(FOLDER / "postgres", {"max_connections": "200"})
    server.start()
    try:
        trees = [Tree("now", ROOT, server), Tree("before", given.tree.resolve(), server)]
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}; {given.tree.name}"
        )
        print("| what | medians (rounds) | unit | now/before |\n|---|---|---|--:|", flush=True)
        body = b""
        if {"single", "batch", "drain"} & set(wanted):
            for tree in trees:
                tree.use("ingest")
                tree.manage("migrate")
                tree.manage("load_cases")
                tree.secret = tree.run(MACHINE).strip()
            # A report of the older tree, which the newer has to take: the older may not know a field of the newer's.
            body = trees[1].run(TEMPLATE).encode()
        if "single" in wanted:
            submits(trees, body, given.rounds, given.seconds)
        if "batch" in wanted:
            batches(trees, body, given.rounds)
        if "drain" in wanted:
            drains(trees, body, max(1, given.rounds // 2), given.drain)
        if "pages" in wanted:
            pages(trees, "500", max(1, given.rounds // 2))
        if {"pages", "clients"} & set(wanted):
            pages(trees, "50", max(1, given.rounds // 2))
        if "clients" in wanted:
            clients(trees, given.rounds, given.seconds)
        print(f"load after {os.getloadavg()[0]:.1f}")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
