"""The site on several hosts, from the files that production starts from: two web nodes, three workers and two beats on
the hosts a and b, PostgreSQL on db1 with a synchronous replica on db2, RabbitMQ or Redis on mq, nginx with TLS on
front.

Environment, secrets and proxy are those of `deploy/`; each program is started again when it ends, as systemd does it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cluster import hosts
from tests.running import ROOT, Kept, until

POSTGRES = max(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda one: int(one.parent.name))
RABBITMQ = "/usr/lib/rabbitmq/bin/"
FOLDER = Path(f"/var/lib/unmigratable-cluster-{hosts.CLUSTER}")
NAME = "unmigratable.example"
# A host that is gone does not answer; one that is a replica does not write.
HA = (
    "?target_session_attrs=read-write&connect_timeout=3&keepalives_idle=5&keepalives_interval=2&keepalives_count=3"
    "&tcp_user_timeout=8000"
)
START_SECONDS = 600.0  # on a machine that has much else to do
BROKERS = ("rabbitmq", "redis")


@dataclass(frozen=True)
class Given:
    """How a cluster is made."""

    small_disks: bool = False
    broker: str = BROKERS[0]
    commit: str = ""  # of the release that it starts with, where that is not this tree


class Cluster:
    def __init__(self, made: dict[str, hosts.Host], given: Given, folder: Path = FOLDER) -> None:
        self.hosts, self.folder, self.given = made, folder, given
        self.kept: dict[str, Kept] = {}
        self.primary = "db1"
        self.remove()
        folder.mkdir(mode=0o755)
        self.tree = self._release(given.commit) if given.commit else ROOT
        self.environment = self._environment()

    # Files, as docs/operations.md has them made

    def _environment(self) -> dict[str, str]:
        secrets = self.folder / "secrets"
        both = f"{self.hosts['db1'].address},{self.hosts['db2'].address}"
        subprocess.run(
            [str(self.tree / "deploy/make-secrets"), str(secrets), both, self.hosts["mq"].address], check=True
        )
        secrets.chmod(0o755)
        address = secrets / "database-url"
        address.chmod(0o644)
        address.write_text(address.read_text().strip() + HA + "\n")
        if self.given.broker == "redis":
            url = f"redis://:{self.secret('broker-password')}@{self.hosts['mq'].address}:6379/0\n"
            (secrets / "broker-url").chmod(0o644)
            (secrets / "broker-url").write_text(url)
        example = (self.tree / "deploy" / "unmigratable.env.example").read_text()
        given = dict(line.split("=", 1) for line in example.splitlines() if line and line[0] != "#")
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        return {
            **kept,
            **given,
            "UNMIGRATABLE_SECRET_KEY_FILE": str(secrets / "secret-key"),
            "DATABASE_URL_FILE": str(address),
            "CELERY_BROKER_URL_FILE": str(secrets / "broker-url"),
            "UNMIGRATABLE_VAR": str(self.folder / "var"),
            "UNMIGRATABLE_LEASE_SECONDS": "8",
            "UNMIGRATABLE_SWEEP_SECONDS": "2",
            "UNMIGRATABLE_LIMITS": "send=900000000/60,page=900000000/60",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _release(self, commit: str) -> Path:
        """The files of another release; it runs with the packages of this one."""
        tree = self.folder / "before"
        tree.mkdir()
        packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(tree)], input=packed, check=True)
        return tree

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text().strip()

    # Programs

    def keep(self, name: str, host: str, command: list[str], user: str = "", **environment: str) -> None:
        log = self.folder / f"{name}.log"
        environment = {**self.environment, **environment}
        self.kept[name] = Kept(self.hosts[host].run(command, user), log, environment, self.tree)

    def again(self, name: str, **environment: str) -> None:
        """Started again from the release that is there now, with what is added to its environment."""
        old = self.kept[name]
        old.stop()
        self.kept[name] = Kept(old.command, old.log, {**(old.environment or {}), **environment}, self.tree)

    def once(self, host: str, command: list[str], user: str = "", seconds: float = 900) -> str:
        done = subprocess.run(
            self.hosts[host].run(command, user), cwd=self.tree, env=self.environment, capture_output=True, text=True,
            check=False, timeout=seconds,
        )  # fmt: skip
        self.told = done.stderr
        if done.returncode:
            raise OSError(f"{' '.join(command)} on {host}: {done.stdout[-500:]} {done.stderr[-1500:]}")
        return done.stdout

    def manage(self, *arguments: str) -> str:
        return self.once("a", [sys.executable, "manage.py", *arguments])

    def start(self) -> None:
        self._start_database()
        self.start_broker()
        self.manage("collectstatic", "--noinput", "-v0")
        for command in ("await_workers", "migrate", "load_cases"):
            self.manage(command)
        celery = [sys.executable, "-W", "ignore:You're running the worker", "-m", "celery", "-q", "-A", "config"]
        for host in ("a", "b"):
            bind = f"{self.hosts[host].address}:8000"
            gunicorn = [sys.executable, "-m", "gunicorn", "-c", "config/server.py", "config.wsgi", "--bind", bind]
            self.keep(f"web-{host}", host, gunicorn)
            beat = [*celery, "beat", "--schedule", str(self.folder / f"beat-{host}"), "--pidfile="]
            self.keep(f"beat-{host}", host, beat)
            work = [*celery, "worker", "--concurrency", "1", "--loglevel", "WARNING"]
            self.keep(f"ingest-{host}", host, [*work, "-Q", "ingest", "--hostname", f"ingest@{host}"])
        self.keep("errands-b", "b", [*work, "-Q", "mail,hooks,fetch,maintenance", "--hostname", "errands@b"])
        self._start_proxy()
        until(self.is_up, START_SECONDS, lambda: self.tail("web-a"))

    def tail(self, name: str) -> str:
        return f"{name}: {(self.folder / f'{name}.log').read_text()[-2000:]}"

    def disk(self, name: str, megabytes: int, user: str) -> Path:
        """A folder that is `user`'s own; with `small_disks` a file system of its own, of so many megabytes."""
        made = self.folder / name
        made.mkdir(mode=0o700)
        if self.given.small_disks:
            options = f"size={megabytes}m,mode=700"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "umg-disk", str(made)], check=True)
        shutil.chown(made, user, user)
        return made

    def remove(self) -> None:
        """All files, and the file systems among them; what an earlier run left, too."""
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for one in mounted:
            if one.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", one], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_database(self) -> None:
        data = self.disk("db1", 700, "postgres")
        self.once("db1", [str(POSTGRES / "initdb"), "-D", str(data), "--auth=scram-sha-256", "--pwfile",
                          str(self.folder / "secrets" / "database-password"), "-U", "unmigratable", "-E", "UTF8",
                          "--locale=C.UTF-8"], "postgres")  # fmt: skip
        with (data / "pg_hba.conf").open("a") as file:
            file.write(f"host all,replication all {hosts.NET}.0/24 scram-sha-256\n")
        self.start_database("db1")
        os.environ["PGPASSWORD"] = self.secret("database-password")
        self.environment["PGPASSWORD"] = self.secret("database-password")
        self.sql("CREATE DATABASE unmigratable", "postgres")
        self.disk("db2", 700, "postgres")
        self.base_backup("db2", "-R", "-C", "-S", "db2")
        self.start_database("db2")
        self.be_synchronous()

    def base_backup(self, name: str, *more: str) -> None:
        """The files of the primary, as of now, in the folder `name`."""
        if not (self.folder / name).exists():
            self.disk(name, 700, "postgres")
        source = self.hosts[self.primary].address
        where = ["-h", source, "-U", "unmigratable", "-D", str(self.folder / name)]
        command = [str(POSTGRES / "pg_basebackup"), *where, "-X", "stream", "--checkpoint=fast", *more]
        self.once("db2", command, "postgres")

    def restore_to(self, moment: str) -> None:
        """The base backup with the archived WAL up to this moment takes the place of the primary; its replica is made
        anew."""
        for name in ("db1", "db2"):
            self.kept[name].stop()
            for one in (self.folder / name).iterdir():
                shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()
        data = self.folder / "db1"
        subprocess.run(["cp", "-a", f"{self.folder / 'base'}/.", str(data)], check=True)
        (data / "recovery.signal").touch()
        self.start_database("db1", recovery_target_time=moment, recovery_target_action="promote")
        until(lambda: self.sql("SELECT pg_is_in_recovery()") == "f", 120, lambda: self.tail("db1"))
        self.be_synchronous(False)
        self.base_backup("db2", "-R", "-C", "-S", "db2")
        self.start_database("db2")
        self.be_synchronous()

    def be_synchronous(self, yes: bool = True) -> None:
        """What is acknowledged is on both: after the loss of one, nothing is lost. While the replica is away nobody
        writes, until somebody says no here."""
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{'*' if yes else ''}'")
        self.sql("SELECT pg_reload_conf()")

    def start_database(self, name: str, **more: str) -> None:
        options = {"listen_addresses": self.hosts[name].address, "unix_socket_directories": "", "jit": "off",
                   "max_connections": "200", "tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2",
                   "tcp_keepalives_count": "3", "wal_sender_timeout": "10s", "hot_standby": "on",
                   "max_wal_size": "128MB", "archive_mode": "on",
                   "archive_command": f"test -e {self.wal}/%f || cp %p {self.wal}/%f",
                   "restore_command": f"cp {self.wal}/%f %p", **more}  # fmt: skip
        given = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        self.keep(name, name, [str(POSTGRES / "postgres"), "-D", str(self.folder / name), *given], "postgres")
        check = [str(POSTGRES / "pg_isready"), "-q", "-h", self.hosts[name].address]
        until(lambda: subprocess.run(check, check=False).returncode == 0, 60, lambda: self.tail(name))

    @property
    def wal(self) -> Path:
        """Where the primary puts its WAL, to restore to a moment by."""
        made = self.folder / "wal"
        if not made.exists():
            made.mkdir(mode=0o700)
            shutil.chown(made, "postgres", "postgres")
        return made

    def sql(self, text: str, database: str = "unmigratable") -> str:
        command = ["psql", "-qAt", "-h", self.hosts[self.primary].address, "-U", "unmigratable", "-d", database]
        environment = {**os.environ, "PGPASSWORD": self.secret("database-password")}
        done = subprocess.run([*command, "-c", text], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(done.stderr)
        return done.stdout.strip()

    def promote(self) -> None:
        """What an operator or a watcher such as Patroni does when the primary is lost."""
        self.once("db2", [str(POSTGRES / "pg_ctl"), "promote", "-D", str(self.folder / "db2")], "postgres")
        self.primary = "db2"
        self.be_synchronous(False)

    def start_broker(self) -> None:
        home = self.folder / "mq"
        home.mkdir(exist_ok=True)
        if self.given.broker == "redis":
            self._start_redis(home)
            return
        shutil.chown(home, "rabbitmq", "rabbitmq")
        shutil.copy(self.folder / "secrets" / "broker-user.conf", home / "rabbitmq.conf")
        with (home / "rabbitmq.conf").open("a") as file:
            file.write("loopback_users = none\n")
        (home / "rabbitmq.conf").chmod(0o644)
        self.keep("broker", "mq", [f"{RABBITMQ}rabbitmq-server"], "rabbitmq", **self.broker_environment)
        until(self.broker_answers, START_SECONDS, lambda: self.tail("broker"))

    def _start_redis(self, home: Path) -> None:
        """With its own defaults, but for where it listens, where it writes, and that it asks for a password."""
        shutil.chown(home, "redis", "redis")
        conf = home / "redis.conf"
        conf.write_text(f"bind {self.hosts['mq'].address}\ndir {home}\nrequirepass {self.secret('broker-password')}\n")
        conf.chmod(0o644)
        self.keep("broker", "mq", ["redis-server", str(conf)], "redis")
        until(self.broker_answers, START_SECONDS, lambda: self.tail("broker"))

    @property
    def broker_environment(self) -> dict[str, str]:
        home = self.folder / "mq"
        return {"HOME": str(home), "RABBITMQ_NODENAME": "umg@localhost", "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
                "RABBITMQ_LOG_BASE": str(home / "log"), "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
                "RABBITMQ_NODE_IP_ADDRESS": self.hosts["mq"].address, "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "no"),
                "ERL_EPMD_ADDRESS": "127.0.0.1"}  # fmt: skip

    def broker_control(self, *arguments: str) -> None:
        command = self.hosts["mq"].run([f"{RABBITMQ}rabbitmqctl", *arguments], "rabbitmq")
        environment = {**self.environment, **self.broker_environment}
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)

    def broker_refuses(self, yes: bool) -> None:
        """It takes messages from nobody, since it says that its memory is full."""
        if self.given.broker == "redis":
            import redis

            with redis.Redis.from_url(self.secret("broker-url")) as line:
                line.config_set("maxmemory", 1 if yes else 0)
        else:
            self.broker_control("set_vm_memory_high_watermark", "0.00001" if yes else "0.4")

    def broker_answers(self) -> bool:
        from kombu import Connection

        try:
            with Connection(self.secret("broker-url"), connect_timeout=2) as line:
                line.connect()
                return True
        except OSError:
            return False

    def _start_proxy(self) -> None:
        folder = self.folder / "nginx"
        folder.mkdir()
        spool = self.disk("spool", 64, "www-data")
        certificate, key = folder / "cert.pem", folder / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
        command += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        both = f"{self.hosts['a'].address}:8000; server {self.hosts['b'].address}:8000"
        made = (self.tree / "deploy" / "nginx.conf.template").read_text()
        words = {"SERVER_NAME": NAME, "WEB": both, "TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(key)}
        for word, value in words.items():
            made = made.replace(f"${{{word}}}", value)
        # One address sends for all here.
        made = made.replace("limit_conn connections 50;", "limit_conn connections 2000;")
        made = f"client_body_temp_path {spool}/body;\nproxy_temp_path {spool}/proxy;\n{made}"
        head = f"user www-data;\npid {folder}/pid;\nerror_log stderr warn;\ndaemon off;\nworker_rlimit_nofile 4096;\n"
        conf = folder / "nginx.conf"
        conf.write_text(f"{head}events {{ worker_connections 4000; }}\nhttp {{ access_log off;\n{made}\n}}\n")
        self.keep("proxy", "front", ["nginx", "-p", str(folder), "-c", str(conf)])
        self.trust = ssl.create_default_context(cafile=str(certificate))

    @property
    def front(self) -> str:
        return self.hosts["front"].address

    def is_up(self) -> bool:
        try:
            for host in ("a", "b"):
                urllib.request.urlopen(f"http://{self.hosts[host].address}:8000/readyz", timeout=5).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        for one in self.kept.values():
            one.over = True
        for one in self.kept.values():
            one.stop()


@contextlib.contextmanager
def cluster(given: Given = Given()) -> Iterator[Cluster]:
    """Starts all, and leaves nothing: no process, no namespace, no file."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a thousand idle connections begin here
    with hosts.network() as made:
        one = Cluster(made, given)
        try:
            one.start()
            yield one
        finally:
            with hosts.undisturbed():
                try:
                    one.stop()
                finally:
                    one.remove()
