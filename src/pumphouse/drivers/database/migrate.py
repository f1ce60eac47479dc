"""Brings the tables to this version's shape at start, by Alembic; two processes that start at once wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

HEAD = "0006"
"""The newest migration; a test holds it in step with migrations/versions."""

LOCK_NUMBER = 0x70756D70
LOCK_NAME = "pumphouse-migrations"
LOCK_WAIT_S = 120


def migrate(engine: sa.Engine) -> None:
    """Apply what is missing; nothing when all is there."""
    if _is_there(engine):
        return
    # a fifth of a second that a command line need not pay each time
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    # the lock is given up after the commit: whoever waits for it must see the tables' version
    with _alone(engine), engine.begin() as connection:
        _wait_for_others(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _is_there(engine: sa.Engine) -> bool:
    try:
        with engine.connect() as connection:
            return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == HEAD
    except (sa.exc.OperationalError, sa.exc.ProgrammingError):
        # an empty database; one that cannot be reached says so again below
        return False


def _wait_for_others(connection: sa.Connection) -> None:
    # SQLite needs no more: BEGIN IMMEDIATE is the lock
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": LOCK_NUMBER})


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[None]:
    """MariaDB commits at every CREATE TABLE, so that no lock of the same transaction lasts: a second connection holds it."""
    if engine.dialect.name not in ("mysql", "mariadb"):
        yield
        return
    with engine.connect() as guard:
        guard.execute(sa.text("SELECT GET_LOCK(:n, :s)"), {"n": LOCK_NAME, "s": LOCK_WAIT_S})
        try:
            yield
        finally:
            guard.execute(sa.text("SELECT RELEASE_LOCK(:n)"), {"n": LOCK_NAME})
