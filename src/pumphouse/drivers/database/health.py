"""Health check runs, kept as documents."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from pumphouse.drivers.database.database import Database, next_numbers
from pumphouse.drivers.database.tables import health_runs
from pumphouse.ports.store import HealthStore


class DatabaseHealth(HealthStore):
    """The port HealthStore on SQL."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @override
    def put_health_run(self, run: Mapping[str, Any]) -> None:
        def work(connection: sa.Connection) -> None:
            values = {"environment": run.get("environment"), "document": dict(run)}
            mine = health_runs.c.id == run["id"]
            if connection.execute(sa.update(health_runs).where(mine).values(**values)).rowcount:
                return
            number = next_numbers(connection, "health_runs", 1)
            connection.execute(sa.insert(health_runs).values(id=run["id"], number=number, **values))

        self._db.write(work)

    @override
    def health_runs(self, *, environment: str | None = None, limit: int = 20) -> Sequence[Mapping[str, Any]]:
        query = sa.select(health_runs.c.document).order_by(health_runs.c.number.desc()).limit(limit)
        if environment is not None:
            query = query.where(health_runs.c.environment == environment)
        return list(self._db.read(lambda c: c.execute(query).scalars().all()))
