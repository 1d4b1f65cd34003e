"""PostgreSQL as a child process (local.binaries says which); a private Unix socket and nothing else.

As root the server runs as another user (it refuses root). Where that user cannot reach the wheel or the data
folder, a copy and the data go below /var/lib. The server ends with the process that started it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.binaries import CannotStart, find_binaries

PR_SET_PDEATHSIG = 1
DATABASE = ROLE = "unmigratable"
START_SECONDS = 60.0
LAST_ONE_SECONDS = 30.0

# Throw-away databases of tests: nothing has to survive.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


# What a new cluster takes, with its first WAL and the catalog; and what one that is there needs to go on.
NEW_BYTES, MORE_BYTES = 160 << 20, 32 << 20


class Postgres:
    """A server on the data folder `data`, or, where its user cannot reach that, on one of the same name elsewhere.

    Its log stands beside `data`, wherever the data went.
    """

    def __init__(self, data: Path, options: Mapping[str, str] | None = None) -> None:
        self.data = data.resolve()
        self.log = self.data.with_name(self.data.name + ".log")
        self.bin = Path()
        self.options = dict(options or {})
        self.user: pwd.struct_passwd | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.elsewhere: Path | None = None
        tag = hashlib.sha256(str(self.data).encode()).hexdigest()[:10]
        # Only root can make folders below these, so nobody can have laid one there before.
        self.socket = Path("/run" if os.geteuid() == 0 else "/tmp") / f"unmigratable-{os.getuid()}-{tag}"
        self.home = Path("/var/lib") / f"unmigratable-{tag}"
        if os.geteuid() == 0:
            self.user = pwd.getpwnam("nobody")
            self._keep_data_where_reachable()

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}@{str(self.socket).replace('/', '%2F')}/{DATABASE}"

    def start(self) -> None:
        """Starts the server and makes the database where there is none. Raises `CannotStart`."""
        self.bin = find_binaries(self.data)
        if self.user and not _reachable(self.bin):
            self._copy_binaries()
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self._demand_room()
        self._own(self.socket)
        self._wait_for_the_last_one()
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster()
        self._own(self.data)
        options = {"listen_addresses": "", "unix_socket_directories": str(self.socket), "jit": "off", **self.options}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "ab") as log:
            self.process = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.data), *arguments],
                **self._child(),
                start_new_session=True,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()
        query = f"select 1 from pg_database where datname = '{DATABASE}'"
        found = self._run("psql", "-qAt", "-h", str(self.socket), "-U", ROLE, "-d", "postgres", "-c", query)
        if found.strip() != "1":
            self._run("createdb", "-h", str(self.socket), "-U", ROLE, DATABASE)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
            try:
                self.socket.rmdir()  # else each folder that a site ever ran in leaves one there
            except OSError:
                pass  # somebody else's things lie in it

    def erase(self) -> None:
        """Takes away everything that this server has kept. For tests."""
        self.stop()
        for folder in (self.data, self.socket, self.elsewhere):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def _demand_room(self) -> None:
        """A server that runs out of room while it starts says so in its log alone."""
        needed = MORE_BYTES if (self.data / "PG_VERSION").exists() else NEW_BYTES
        if shutil.disk_usage(self.data.parent).free < needed:
            raise CannotStart(f"The database needs {needed >> 20} MB.{self.room_left()}")

    def room_left(self) -> str:
        free = shutil.disk_usage(self.data.parent).free
        where = f"There are {free >> 20} MB of room at {self.data.parent}"
        return f" {where}: make some, or set UNMIGRATABLE_VAR to a larger disk." if free < NEW_BYTES else ""

    def _own(self, folder: Path) -> None:
        """Makes `folder` the server's own, and refuses one that somebody else has laid there."""
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        owners = {os.geteuid(), self.user.pw_uid} if self.user else {os.geteuid()}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
            raise CannotStart(f"{folder} belongs to somebody else, or is no folder")
        if self.user:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)
        folder.chmod(0o700)

    def _make_cluster(self) -> None:
        """initdb beside, then renamed: a half-made cluster is never taken for a whole one."""
        fresh = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._own(fresh)
        self._run("initdb", "-D", str(fresh), "-U", ROLE, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        if self.data.exists():
            self.data.rmdir()
        fresh.rename(self.data)

    def _wait_for_the_last_one(self) -> None:
        """A server whose supervisor was killed ends by itself; it needs a moment to."""
        end = time.monotonic() + LAST_ONE_SECONDS
        while (pid := self._running()) is not None:
            if time.monotonic() > end:
                raise CannotStart(f"another PostgreSQL (process {pid}) still works on {self.data}")
            time.sleep(0.2)

    def _running(self) -> int | None:
        """The process that has this data folder open, by its lock file."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return None
        return pid if str(self.data).encode() in command else None

    def _copy_binaries(self) -> None:
        """The server runs as another user, who must be able to walk down to its programs. Raises `CannotStart`."""
        # The wheel's libraries lie beside its package.
        package = self.bin.parent.parent if self.bin.parent.name == "pginstall" else self.bin.parent
        copy = self.home / "postgres"
        if not (copy / "ready").exists():
            self.home.mkdir(mode=0o755, exist_ok=True)
            shutil.rmtree(copy, ignore_errors=True)
            for folder in (package, package.with_name(package.name + ".libs")):
                if folder.is_dir():
                    shutil.copytree(folder, copy / folder.name, symlinks=True)
            subprocess.run(["chmod", "-R", "a+rX", str(self.home)], check=True)
            (copy / "ready").touch()
        self.elsewhere = self.home
        self.bin = copy / self.bin.relative_to(package.parent)

    def _keep_data_where_reachable(self) -> None:
        parent = self.data.parent
        while not parent.exists():
            parent = parent.parent
        # Once there, always there: a folder that was opened up since must not seem to have lost everything.
        if not _reachable(parent) or (self.home / self.data.name).exists():
            self.elsewhere = self.home
            self.home.mkdir(mode=0o755, exist_ok=True)
            self.data = self.home / self.data.name

    def _child(self) -> dict[str, Any]:
        return {
            "preexec_fn": self._become_server,
            "cwd": "/",
            "env": {"LC_ALL": "C.UTF-8", "PATH": os.defpath, "HOME": "/"},
        }

    def _become_server(self) -> None:
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        # After setuid, which clears it: a fast shutdown when the parent dies, however it dies.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.bin / program), *arguments], **self._child(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = " ".join(done.stderr.split())[-500:]
            raise CannotStart(f"{program} ended with {done.returncode}: {said}{self.room_left()}")
        return str(done.stdout)

    def _wait_until_ready(self) -> None:
        assert self.process is not None
        end = time.monotonic() + START_SECONDS
        check = [str(self.bin / "pg_isready"), "-q", "-h", str(self.socket), "-U", ROLE]
        while True:
            # First whether it lives: on the same socket another one might answer.
            if self.process.poll() is not None:
                raise CannotStart(f"postgres ended with {self.process.returncode}; see {self.log}")
            if subprocess.run(check, **self._child(), check=False).returncode == 0:
                return
            if time.monotonic() > end:
                raise CannotStart(f"postgres was not ready within {START_SECONDS:.0f} s")
            time.sleep(0.05)


def _reachable(path: Path) -> bool:
    """Whether every other user may walk down to `path`."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in [path, *path.parents] if folder.is_dir())
