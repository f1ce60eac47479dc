"""Who runs an operation: claims by compare-and-set, heartbeats, release."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.operation import ACTIVE, OperationStatus
from pumphouse.drivers.database.database import Database
from pumphouse.drivers.database.tables import operations
from pumphouse.ports.store import Ownership

NOBODY = {"owner": None, "owner_token": None, "heartbeat_at": None}


_HELD = sa.select(
    operations.c.status, operations.c.owner, operations.c.owner_token, operations.c.heartbeat_at
).where(operations.c.id == sa.bindparam("own_id"))


class DatabaseOwnership:
    """The owner's part of the port OperationStore on SQL."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def ownership(self, operation_id: str) -> Ownership:
        row = self._db.read(lambda c: c.execute(_HELD, {"own_id": operation_id}).first())
        if row is None:
            raise NotFoundError("operation", operation_id, hint="see: pumphouse operation list")
        return Ownership(
            operation_id, OperationStatus(row.status), row.owner, row.owner_token, row.heartbeat_at
        )

    def claim(
        self, operation_id: str, *, expected: str | None, owner: str, token: str, now: datetime
    ) -> bool:
        present = operations.c.owner_token
        change = (
            sa.update(operations)
            .where(
                operations.c.id == operation_id,
                present.is_(None) if expected is None else present == expected,
            )
            .where(operations.c.status.in_([s.value for s in ACTIVE]))
            .values(owner=owner, owner_token=token, heartbeat_at=now)
        )
        return self._db.write(lambda c: c.execute(change).rowcount) == 1

    def release(self, operation_id: str, *, token: str) -> None:
        mine = sa.update(operations).where(operations.c.id == operation_id, operations.c.owner_token == token)
        self._db.write(lambda c: c.execute(mine.values(**NOBODY)))

    def beat(self, tokens: Mapping[str, str], *, now: datetime | None) -> Mapping[str, OperationStatus]:
        if not tokens:
            return {}
        mine = sa.and_(operations.c.id.in_(list(tokens)), operations.c.owner_token.in_(list(tokens.values())))
        query = sa.select(operations.c.id, operations.c.status, operations.c.owner_token).where(mine)
        if now is not None:
            self._db.write(lambda c: c.execute(sa.update(operations).where(mine).values(heartbeat_at=now)))
        rows = self._db.read(lambda c: c.execute(query).all())
        return {row.id: OperationStatus(row.status) for row in rows if tokens[row.id] == row.owner_token}
