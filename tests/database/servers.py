"""Private, throw-away database servers on unix sockets in a temporary directory; nothing of the machine's own servers is touched."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

START_S = 60.0


class ServerMissingError(Exception):
    """The server's program is not installed."""


class Postgres:
    """initdb + postgres as an unprivileged user (it refuses root)."""

    def __enter__(self) -> Self:
        initdb, postgres = _program("initdb"), _program("postgres")
        self._directory = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._user = _unprivileged()
        if self._user:
            shutil.chown(self._directory, self._user)
        data = self._directory / "data"
        self._run([initdb, "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"])
        command = [
            postgres,
            "-D",
            str(data),
            "-k",
            str(self._directory),
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ]
        self._log = (self._directory / "log").open("wb")
        self._process = subprocess.Popen(self._as_user(command), stdout=self._log, stderr=self._log, cwd="/")
        _await(lambda: _answers(self.url("postgres")), self._process, self._directory / "log")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _stop(self._process)
        self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def create(self, name: str) -> str:
        """An empty database; answers its URL."""
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self._directory}"

    def _run(self, command: list[str]) -> None:
        _install(self._as_user(command))

    def _as_user(self, command: list[str]) -> list[str]:
        if not self._user:
            return command
        group = str(pwd.getpwnam(self._user).pw_gid)
        return ["setpriv", f"--reuid={self._user}", f"--regid={group}", "--clear-groups", "--", *command]


class MariaDb:
    """mariadb-install-db + mariadbd."""

    def __enter__(self) -> Self:
        install, mariadbd = _program("mariadb-install-db"), _program("mariadbd")
        self._directory = Path(tempfile.mkdtemp(prefix="my-", dir="/tmp"))
        data = self._directory / "data"
        user = ["--user=root"] if os.geteuid() == 0 else []
        options = ["--no-defaults", f"--datadir={data}", *user]
        _install([install, *options, "--auth-root-authentication-method=normal"])
        self._log = (self._directory / "log").open("wb")
        command = [
            mariadbd,
            *options,
            f"--socket={self._socket}",
            "--skip-networking",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        command += [f"--pid-file={self._directory / 'pid'}", "--innodb-buffer-pool-size=64M"]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        _await(lambda: _answers(self.url("mysql")), self._process, self._directory / "log")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _stop(self._process)
        self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def create(self, name: str) -> str:
        """An empty database; answers its URL."""
        engine = sa.create_engine(self.url("mysql"))
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self.url(name)

    def url(self, name: str) -> str:
        return f"mariadb+pymysql://root@localhost/{name}?unix_socket={self._socket}"

    @property
    def _socket(self) -> Path:
        return self._directory / "socket"


def _program(name: str) -> str:
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), Path("/usr/sbin"), Path("/usr/local/bin")]
    path = os.pathsep.join(
        [*(str(folder) for folder in sorted(folders, reverse=True)), os.environ.get("PATH", "")]
    )
    found = shutil.which(name, path=path)
    if found is None:
        raise ServerMissingError(
            f"{name} is not installed: install Debian's packages `postgresql` and `mariadb-server`, or set "
            "PUMPHOUSE_SKIP_DATABASES=1 to leave these tests out"
        )
    return found


def _install(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert ended.returncode == 0, f"{command[0]} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"


def _unprivileged() -> str:
    if os.geteuid() != 0:
        return ""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _await(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"the database server did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)  # a real server starts in real time


def _answers(url: str) -> bool:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.connect():
            return True
    except sa.exc.OperationalError:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
