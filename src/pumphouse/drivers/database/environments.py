"""Environments and the maintenance records of their nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.node import Maintenance
from pumphouse.drivers.database.database import Database
from pumphouse.drivers.database.tables import environments, maintenances
from pumphouse.ports.store import EnvironmentStore


class DatabaseEnvironments(EnvironmentStore):
    """The port EnvironmentStore on SQL."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @override
    def add_environment(self, environment: Environment) -> None:
        try:
            self._db.write(lambda c: c.execute(sa.insert(environments).values(**_row(environment))))
        except sa.exc.IntegrityError as error:
            raise ConflictError(
                f"there is an environment {environment.name!r} already",
                hint="choose another name, or remove that one",
            ) from error

    @override
    def environments(self) -> Sequence[Environment]:
        rows = self._db.read(
            lambda c: c.execute(sa.select(environments).order_by(environments.c.name)).mappings().all()
        )
        return [_environment(row) for row in rows]

    @override
    def environment(self, name_or_id: str) -> Environment:
        either = sa.or_(environments.c.name == name_or_id, environments.c.id == name_or_id)
        rows = self._db.read(lambda c: c.execute(sa.select(environments).where(either)).mappings().all())
        if not rows:
            raise NotFoundError("environment", name_or_id, hint="see: pumphouse env list")
        # one that is named like the id of another: the name wins
        return _environment(next((r for r in rows if r["name"] == name_or_id), rows[0]))

    @override
    def put_found(
        self,
        environment_id: str,
        *,
        status: str,
        facts: Mapping[str, Any] | None = None,
        facts_at: datetime | None = None,
    ) -> Environment:
        values: dict[str, Any] = {"status": status}
        if facts is not None:
            values |= {"facts": dict(facts), "facts_at": facts_at}
        return self._change(environment_id, values)

    @override
    def put_deployer(
        self, environment_id: str, *, deployer: str | None, options: Mapping[str, Any]
    ) -> Environment:
        return self._change(environment_id, {"deployer": deployer, "deployer_options": dict(options)})

    @override
    def remove_environment(self, environment_id: str) -> None:
        def work(connection: sa.Connection) -> None:
            mine = environments.c.id == environment_id
            name = connection.execute(sa.select(environments.c.name).where(mine)).scalar()
            connection.execute(sa.delete(maintenances).where(maintenances.c.environment == name))
            connection.execute(sa.delete(environments).where(mine))

        self._db.write(work)

    @override
    def maintenances(self, environment: str | None = None) -> Sequence[Maintenance]:
        query = sa.select(maintenances).order_by(maintenances.c.environment, maintenances.c.node)
        if environment is not None:
            query = query.where(maintenances.c.environment == environment)
        rows = self._db.read(lambda c: c.execute(query).mappings().all())
        return [Maintenance(**row) for row in rows]

    @override
    def put_maintenance(self, maintenance: Maintenance) -> None:
        def work(connection: sa.Connection) -> None:
            connection.execute(_drop(maintenance.environment, maintenance.node))
            connection.execute(sa.insert(maintenances).values(**asdict(maintenance)))

        self._db.write(work)

    @override
    def drop_maintenance(self, environment: str, node: str) -> None:
        self._db.write(lambda c: c.execute(_drop(environment, node)))

    def _change(self, environment_id: str, values: Mapping[str, Any]) -> Environment:
        """Write some columns of one row, and answer the row."""
        mine = environments.c.id == environment_id

        def work(connection: sa.Connection) -> Mapping[Any, Any] | None:
            connection.execute(sa.update(environments).where(mine).values(**values))
            return connection.execute(sa.select(environments).where(mine)).mappings().first()

        row = self._db.write(work)
        if row is None:
            raise NotFoundError("environment", environment_id, hint="see: pumphouse env list")
        return _environment(row)


def _drop(environment: str, node: str) -> sa.Delete:
    return sa.delete(maintenances).where(
        maintenances.c.environment == environment, maintenances.c.node == node
    )


def _row(environment: Environment) -> dict[str, Any]:
    access = environment.access
    return {
        "id": environment.id,
        "name": environment.name,
        "access": {"cloud": access.cloud, "config_file": access.config_file, "sealed": access.sealed},
        "deployer": environment.deployer,
        "deployer_options": dict(environment.deployer_options),
        "added_at": environment.added_at,
        "status": environment.status,
        "facts": dict(environment.facts),
        "facts_at": environment.facts_at,
    }


def _environment(row: Mapping[Any, Any]) -> Environment:
    values = dict(row)
    return Environment(**{**values, "access": CloudAccess(**values["access"])})
