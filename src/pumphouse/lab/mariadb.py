"""The lab's MariaDB: one server on tmpfs for all clouds, reached through a socket only root can reach.

Used by `bringup` to start it, by `saved_databases` and `databases` to fill it.
"""

from pathlib import Path

from pumphouse.lab.errors import LabCommandError
from pumphouse.lab.layout import Layout
from pumphouse.lab.processes import Processes, ProcessSpec
from pumphouse.lab.waiting import wait_until

NAME = "mariadb"
SERVER = "/usr/sbin/mariadbd"


class MariaDB:
    """The server and a way to run SQL on it."""

    def __init__(self, layout: Layout, processes: Processes) -> None:
        self._layout = layout
        self._processes = processes

    def install(self) -> None:
        """Make an empty data directory."""
        self._layout.mysql_dir.mkdir(parents=True, mode=0o700)
        self._processes.run(
            "mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={self._layout.mysql_dir}",
            "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
        )  # fmt: skip

    def start(self) -> None:
        """Start the server and wait until it answers. Durability is given up for speed: it lives in RAM anyway."""
        self._layout.socket_dir.mkdir(parents=True, exist_ok=True)
        self._processes.start(
            ProcessSpec(
                NAME,
                (
                    SERVER, "--no-defaults", "--user=root", f"--datadir={self._layout.mysql_dir}",
                    f"--socket={self._layout.mysql_socket}", "--skip-networking", "--skip-name-resolve",
                    "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync",
                    "--innodb-doublewrite=0", "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=64M",
                    "--performance-schema=0", "--max-connections=1000", "--character-set-server=utf8mb3",
                    f"--tmpdir={self._layout.socket_dir}", "--innodb-stats-on-metadata=0",
                    f"--pid-file={self._layout.socket_dir}/mariadb.pid",
                ),
            )
        )  # fmt: skip
        wait_until(self._answers, what="mariadb answers", timeout_s=60)

    def _answers(self) -> bool:
        self._processes.check_alive(NAME)
        if not self._layout.mysql_socket.exists():
            return False
        try:
            self.query("select 1")
        except LabCommandError:  # not yet; a dead server is told apart above
            return False
        return True

    def query(self, sql: str, *, database: str = "", trace: str = "") -> list[str]:
        """Run `sql` (one or more statements) and return the lines of the answer, columns separated by tabs.

        `trace` goes into the client's environment, so that one that a crash has left running can be found.
        """
        where = (f"--database={database}",) if database else ()
        return self._processes.run(
            "mariadb", *self._client_arguments(), *where, "-N", "-B",
            stdin=sql, environment={"PUMPHOUSE_LAB_TRACE": trace},
        ).splitlines()  # fmt: skip

    def dump(self, database: str) -> str:
        """The tables and rows of a database as SQL, without its name."""
        return self._processes.run(
            "mariadb-dump", *self._client_arguments(), "--single-transaction", "--skip-comments", database
        )

    def _client_arguments(self) -> tuple[str, ...]:
        return ("--no-defaults", f"--socket={self._layout.mysql_socket}", "-uroot")

    def databases(self) -> set[str]:
        return set(self.query("show databases"))


def database_url(socket: Path, database: str) -> str:
    """SQLAlchemy's address of one database."""
    return f"mysql+pymysql://root@localhost/{database}?unix_socket={socket}&charset=utf8"
