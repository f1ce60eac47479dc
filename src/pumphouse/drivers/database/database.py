"""One database behind one URL: connections, short transactions, and its errors in our words. Used by every store of this room."""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from pumphouse.domain.errors import InvalidInputError, StoreFaultError

T = TypeVar("T")

DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mariadb+pymysql",
    "mariadb": "mariadb+pymysql",
}
EXTRAS = {"postgresql+psycopg": "postgres", "mariadb+pymysql": "mysql"}
READING = {"pumphouse_reading": True}
DURABLE = {"pumphouse_durable": True}
BUSY_TIMEOUT_MS = 30_000
DEADLOCK_ATTEMPTS = 8
# PostgreSQL: serialization failure, deadlock; MariaDB: deadlock, lock wait timeout
DEADLOCKS = {"40001", "40P01", 1213, 1205}


class Database:
    """SQLite (a file, in WAL mode), PostgreSQL or MariaDB; the same code above all three."""

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        self.engine = create_engine(url)
        self._reading = self.engine.execution_options(**READING)
        self._durable = self.engine.execution_options(**DURABLE)
        self.now = now

    def write(self, work: Callable[[sa.Connection], T], *, durable: bool = False) -> T:
        """Run `work` in one transaction; a deadlock is tried again, so `work` must have no effect besides the database.

        It survives the death of the process in any case. With `durable` it survives a power cut also on SQLite, which waits for the disk
        then; the servers always do.

        Raises:
            StoreFaultError: the database cannot be reached or was locked for too long.
        """
        for attempt in range(1, DEADLOCK_ATTEMPTS + 1):
            try:
                with (self._durable if durable else self.engine).begin() as connection:
                    return work(connection)
            except sa.exc.IntegrityError:
                raise
            except sa.exc.DBAPIError as error:
                if not _deadlock(error) or attempt == DEADLOCK_ATTEMPTS:
                    raise _fault(error) from error
            except sa.exc.SQLAlchemyError as error:
                raise _fault(error) from error
        raise StoreFaultError("the database refused a transaction again and again")

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` on one consistent view of the data.

        Raises:
            StoreFaultError: the database cannot be reached.
        """
        try:
            with self._reading.begin() as connection:
                return work(connection)
        except sa.exc.SQLAlchemyError as error:
            raise _fault(error) from error

    def prepare(self, work: Callable[[sa.Engine], None]) -> None:
        """Run `work` on the engine before all else, with its errors in our words.

        Raises:
            StoreFaultError: the database cannot be reached.
        """
        try:
            work(self.engine)
        except sa.exc.SQLAlchemyError as error:
            raise _fault(error) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def create_engine(url: str) -> sa.Engine:
    """An SQLAlchemy engine with our settings for that kind of database.

    Raises:
        InvalidInputError: not a URL of a kind that we know, or its driver is not installed.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    try:
        # READ COMMITTED: a statement after a lock was granted must see what the former holder wrote
        return sa.create_engine(
            parsed,
            isolation_level="READ COMMITTED",
            pool_size=10,
            max_overflow=30,
            pool_pre_ping=True,
            pool_recycle=1800,
        )
    except ImportError as error:
        extra = EXTRAS[parsed.drivername]
        hint = f"install it with: pip install 'pumphouse[{extra}]'"
        raise InvalidInputError(
            "database url", parsed.drivername, "its driver is not installed", hint=hint
        ) from error


def next_numbers(connection: sa.Connection, name: str, count: int) -> int:
    """Take `count` numbers from a counter and answer the first. The counter's row stays locked until the transaction ends, so that
    numbers become visible in their order; call it as late as possible.
    """
    taking, reading = _counting()
    connection.execute(taking, {"counter": name, "taken": count})
    last = int(connection.execute(reading, {"counter": name}).scalar_one())
    return last - count + 1


@cache
def _counting() -> tuple[sa.Update, sa.Select[Any]]:
    from pumphouse.drivers.database.tables import counters

    at = counters.c.name == sa.bindparam("counter")
    taking = sa.update(counters).where(at).values(value=counters.c.value + sa.bindparam("taken"))
    return taking, sa.select(counters.c.value).where(at)


def _parse(url: str) -> sa.URL:
    remedy = "sqlite:////path/to/file, postgresql://user@host/name or mariadb://user@host/name"
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise InvalidInputError("database url", "...", "it cannot be read as a URL", hint=remedy) from error
    kind = parsed.get_backend_name()
    if kind not in DRIVERS:
        raise InvalidInputError("database url", kind, "there is no such kind of database", hint=remedy)
    if kind == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise InvalidInputError(
            "database url", url, "a database in memory would forget what is to be resumed", hint=remedy
        )
    return parsed.set(drivername=DRIVERS[kind])


def _sqlite(parsed: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        parsed,
        pool_size=10,
        max_overflow=50,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        # we say BEGIN ourselves (below): the module's own rules begin too late
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begun(connection: sa.Connection) -> None:
        # a transaction that reads first and writes later fails at once in WAL mode when another has written meanwhile
        options = connection.get_execution_options()
        reading, durable = options.get("pumphouse_reading", False), options.get("pumphouse_durable", False)
        # straight to the module: these go with every transaction, and a statement by way of SQLAlchemy costs as much as a small query
        driver: Any = connection.connection.driver_connection
        # NORMAL in WAL mode waits for the disk at checkpoints only
        if connection.info.get("pumphouse_durable") is not durable:
            driver.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}").close()
            connection.info["pumphouse_durable"] = durable
        try:
            driver.execute("BEGIN" if reading else "BEGIN IMMEDIATE").close()
        except sqlite3.Error as error:
            raise sa.exc.DBAPIError.instance("BEGIN", None, error, sqlite3.Error) from error

    return engine


def _deadlock(error: sa.exc.DBAPIError) -> bool:
    original: Any = error.orig
    number = original.args[0] if getattr(original, "args", None) else None
    return getattr(original, "sqlstate", None) in DEADLOCKS or (
        isinstance(number, int) and number in DEADLOCKS
    )


def _fault(error: sa.exc.SQLAlchemyError) -> StoreFaultError:
    # only the driver's own first line: SQLAlchemy's text holds the statement with its values
    original = getattr(error, "orig", None) or error
    text = (str(original).strip().splitlines() or [type(original).__name__])[0]
    return StoreFaultError(
        f"the database did not do it: {text}", hint="see that it runs, has room and can be reached"
    )
