"""All stores on one database, as `main` hands them to the engine and the services."""

from datetime import UTC, datetime

from typing_extensions import override

from pumphouse.drivers.database.changes import DatabaseChanges
from pumphouse.drivers.database.database import Database
from pumphouse.drivers.database.environments import DatabaseEnvironments
from pumphouse.drivers.database.events import DatabaseEvents
from pumphouse.drivers.database.fences import DatabaseFences
from pumphouse.drivers.database.health import DatabaseHealth
from pumphouse.drivers.database.migrate import migrate
from pumphouse.drivers.database.moves import DatabaseMoves
from pumphouse.drivers.database.operations import DatabaseOperations
from pumphouse.drivers.database.ownership import DatabaseOwnership
from pumphouse.drivers.database.settings import DatabaseSettings
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import OperationStore


class Stores(
    DatabaseEnvironments,
    DatabaseEvents,
    DatabaseFences,
    DatabaseHealth,
    DatabaseMoves,
    DatabaseSettings,
    DatabaseOperations,
    DatabaseChanges,
    DatabaseOwnership,
    OperationStore,
):
    """Every port of ports/store.py, ports/fences.py and ports/moves.py on the database at `url`, whose tables are brought up to date first.

    Raises:
        InvalidInputError: the URL is not one of SQLite (a file), PostgreSQL or MariaDB, or the driver is not installed.
        StoreFaultError: the database cannot be reached.
    """

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        database = Database(url, clock.now if clock else lambda: datetime.now(UTC))
        super().__init__(database)
        database.prepare(migrate)

    @property
    @override
    def database(self) -> object:
        return self._db.engine

    def close(self) -> None:
        """Close all connections."""
        self._db.close()
