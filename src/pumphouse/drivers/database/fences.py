"""Fences around tenants with their journals. Every write waits for the disk: what a fence has changed must be known after a power cut, too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.fence import EntryState, Fence, FenceEntry, FenceState
from pumphouse.drivers.database.database import Database
from pumphouse.drivers.database.tables import fence_entries, fences
from pumphouse.ports.fences import FenceStore

AT_ONCE = 500
"""How many keys one statement names; SQLite takes 32766 values in one."""


class DatabaseFences(FenceStore):
    """The port FenceStore on SQL."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @override
    def fences(self, environment: str | None = None) -> Sequence[Fence]:
        where = [] if environment is None else [fences.c.environment == environment]
        return self._select(*where)

    @override
    def fence(self, environment: str, tenant_id: str) -> Fence | None:
        found = self._select(_of(fences, environment, tenant_id))
        return found[0] if found else None

    @override
    def due_fences(self, now: datetime) -> Sequence[Fence]:
        return self._select(fences.c.until.is_not(None), fences.c.until <= now)

    @override
    def put_fence(self, fence: Fence) -> None:
        mine = _of(fences, fence.environment, fence.tenant_id)
        row = _row(fence)

        def work(connection: sa.Connection) -> None:
            if connection.execute(sa.select(fences.c.tenant_id).where(mine).with_for_update()).first():
                connection.execute(sa.update(fences).where(mine).values(**row))
            else:
                connection.execute(sa.insert(fences).values(**row))

        self._db.write(work, durable=True)

    @override
    def drop_fence(self, environment: str, tenant_id: str) -> None:
        # its entries go with it: the foreign key cascades
        mine = _of(fences, environment, tenant_id)
        self._db.write(lambda c: c.execute(sa.delete(fences).where(mine)), durable=True)

    @override
    def fence_entries(
        self, environment: str, tenant_id: str, *, kinds: Iterable[str] | None = None, key: str | None = None
    ) -> Sequence[FenceEntry]:
        query = sa.select(fence_entries).where(_of(fence_entries, environment, tenant_id))
        if kinds is not None:
            query = query.where(fence_entries.c.kind.in_(list(kinds)))
        if key is not None:
            query = query.where(fence_entries.c.entry_key == key)
        query = query.order_by(fence_entries.c.position)
        rows = self._db.read(lambda c: c.execute(query).mappings().all())
        return [FenceEntry(r["kind"], r["entry_key"], r["data"], EntryState(r["state"])) for r in rows]

    @override
    def put_entries(self, environment: str, tenant_id: str, entries: Iterable[FenceEntry]) -> None:
        # the last one counts when a key comes twice
        wanted = {(entry.kind, entry.key): entry for entry in entries}
        if not wanted:
            return

        def work(connection: sa.Connection) -> None:
            _hold(connection, environment, tenant_id)
            known = _positions(connection, environment, tenant_id, [key for _, key in wanted])
            rest = [entry for name, entry in wanted.items() if name not in known]
            for name in known.keys() & wanted.keys():
                entry = wanted[name]
                change = sa.update(fence_entries).where(_entry(environment, tenant_id, *name))
                connection.execute(change.values(state=entry.state.value, data=dict(entry.data)))
            if not rest:
                return
            first = _next_position(connection, environment, tenant_id)
            rows = [
                {
                    "environment": environment,
                    "tenant_id": tenant_id,
                    "kind": entry.kind,
                    "entry_key": entry.key,
                    "position": position,
                    "state": entry.state.value,
                    "data": dict(entry.data),
                }
                for position, entry in enumerate(rest, first)
            ]
            connection.execute(sa.insert(fence_entries), rows)

        self._db.write(work, durable=True)

    @override
    def mark_entry(
        self, environment: str, tenant_id: str, kind: str, key: str, state: EntryState,
        data: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        mine = _entry(environment, tenant_id, kind, key)

        def work(connection: sa.Connection) -> None:
            query = sa.select(fence_entries.c.data).where(mine).with_for_update()
            present = connection.execute(query).scalar_one_or_none()
            if present is None:
                raise NotFoundError("entry of a fence", f"{environment}/{tenant_id} {kind} {key}")
            change = sa.update(fence_entries).where(mine)
            connection.execute(change.values(state=state.value, data={**present, **(data or {})}))

        self._db.write(work, durable=True)

    def _select(self, *where: sa.ColumnElement[bool]) -> Sequence[Fence]:
        order = (fences.c.environment, fences.c.tenant_name, fences.c.tenant_id)
        query = sa.select(fences).where(*where).order_by(*order)
        return [_fence(row) for row in self._db.read(lambda c: c.execute(query).mappings().all())]


def _hold(connection: sa.Connection, environment: str, tenant_id: str) -> None:
    """Lock the fence's row, so that threads that write its journal at once take their positions one after the other."""
    query = sa.select(fences.c.tenant_id).where(_of(fences, environment, tenant_id)).with_for_update()
    if connection.execute(query).first() is None:
        raise NotFoundError("fence", f"{environment}/{tenant_id}", hint="put the fence before its entries")


def _positions(
    connection: sa.Connection, environment: str, tenant_id: str, keys: Sequence[str]
) -> Mapping[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    columns = (fence_entries.c.kind, fence_entries.c.entry_key, fence_entries.c.position)
    for start in range(0, len(keys), AT_ONCE):
        some = fence_entries.c.entry_key.in_(keys[start : start + AT_ONCE])
        query = sa.select(*columns).where(_of(fence_entries, environment, tenant_id), some)
        found |= {(row.kind, row.entry_key): row.position for row in connection.execute(query)}
    return found


def _next_position(connection: sa.Connection, environment: str, tenant_id: str) -> int:
    query = sa.select(sa.func.max(fence_entries.c.position)).where(_of(fence_entries, environment, tenant_id))
    last = connection.execute(query).scalar()
    return 0 if last is None else int(last) + 1


def _of(table: sa.Table, environment: str, tenant_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.environment == environment, table.c.tenant_id == tenant_id)


def _entry(environment: str, tenant_id: str, kind: str, key: str) -> sa.ColumnElement[bool]:
    c = fence_entries.c
    return sa.and_(_of(fence_entries, environment, tenant_id), c.kind == kind, c.entry_key == key)


def _row(fence: Fence) -> dict[str, Any]:
    means = {service: list(names) for service, names in fence.means.items()}
    proof = [dict(probe) for probe in fence.proof]
    return {**asdict(fence), "state": fence.state.value, "means": means, "proof": proof}


def _fence(row: Mapping[Any, Any]) -> Fence:
    means = {service: tuple(names) for service, names in row["means"].items()}
    return Fence(**{**row, "state": FenceState(row["state"]), "means": means, "proof": tuple(row["proof"])})
