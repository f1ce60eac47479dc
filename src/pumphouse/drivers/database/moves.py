"""What became of tenants' things in other clouds. Every write waits for the disk: after a power cut, too, nothing may be made twice."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from pumphouse.domain.resource import ORDER, Move, MoveState, ResourceKind
from pumphouse.drivers.database.database import Database, next_numbers
from pumphouse.drivers.database.tables import moves as table
from pumphouse.drivers.together import Together
from pumphouse.ports.moves import MoveStore

AT_ONCE = 500
"""How many keys one statement names; SQLite takes 32766 values in one."""
COUNTER = "moves"


class DatabaseMoves(MoveStore):
    """The port MoveStore on SQL."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @cached_property
    def _together(self) -> Together[Move]:
        return Together(self._write)

    @override
    def moves(
        self, source: str, tenant_id: str, destination: str, *, kinds: Iterable[ResourceKind] | None = None
    ) -> Sequence[Move]:
        query = sa.select(table).where(_of(source, tenant_id, destination)).order_by(table.c.position)
        if kinds is not None:
            query = query.where(table.c.kind.in_([str(kind) for kind in kinds]))
        rows = self._db.read(lambda c: c.execute(query).mappings().all())
        # the sort is stable: within a kind they stay as they were recorded
        return sorted((_move(row) for row in rows), key=lambda move: ORDER[move.kind])

    @override
    def migrations(self) -> Sequence[Mapping[str, str]]:
        columns = (table.c.source, table.c.tenant_id, table.c.destination)
        query = sa.select(*columns).distinct().order_by(*columns)
        return [dict(row) for row in self._db.read(lambda c: c.execute(query).mappings().all())]

    @override
    def put_moves(self, moves: Iterable[Move]) -> None:
        wanted = list(moves)
        if wanted:
            self._together.put(wanted)

    def _write(self, moves: Sequence[Move]) -> None:
        migrations: dict[tuple[str, str, str], dict[str, Move]] = {}
        for move in moves:
            # the last one counts when an identity comes twice
            mine = migrations.setdefault((move.source, move.tenant_id, move.destination), {})
            mine[_identity(move.kind, move.source_id)] = move
        count = sum(map(len, migrations.values()))

        def work(connection: sa.Connection) -> None:
            # the counter's row lets one writer in at a time: two that record the same thing must not both insert it
            position = next_numbers(connection, COUNTER, count)
            for migration, wanted in migrations.items():
                known = _positions(connection, migration, list(wanted))
                _delete(connection, migration, list(known))
                rows = []
                for identity, move in wanted.items():
                    rows.append(
                        {**_row(move), "identity": identity, "position": known.get(identity, position)}
                    )
                    position += identity not in known
                connection.execute(sa.insert(table), rows)

        self._db.write(work, durable=True)

    @override
    def release_move(self, move: Move) -> Move | None:
        mine = sa.and_(
            _of(move.source, move.tenant_id, move.destination),
            table.c.identity == _identity(move.kind, move.source_id),
        )
        same = sa.and_(
            table.c.destination == move.destination,
            table.c.kind == move.kind.value,
            table.c.destination_id == move.destination_id,
        )

        def work(connection: sa.Connection) -> Move | None:
            # the counter's row lets one in at a time: of two that let go of the same thing the last one must know that it is
            next_numbers(connection, COUNTER, 0)
            own = connection.execute(sa.select(table).where(mine)).mappings().first()
            if own is None:
                return None
            other = (
                connection.execute(sa.select(table).where(same, sa.not_(mine)).limit(1)).mappings().first()
            )
            if other is None or not own["destination_id"]:
                return _move(own)
            if own["ours"]:
                its = sa.and_(
                    _of(other["source"], other["tenant_id"], move.destination),
                    table.c.identity == other["identity"],
                )
                known = {**own["details"], **other["details"]}
                connection.execute(sa.update(table).where(its).values(ours=True, details=known))
            connection.execute(sa.delete(table).where(mine))
            return None

        return self._db.write(work, durable=True)

    @override
    def drop_moves(
        self, source: str, tenant_id: str, destination: str, keys: Iterable[tuple[ResourceKind, str]] | None = None
    ) -> None:  # fmt: skip
        identities = None if keys is None else [_identity(*key) for key in keys]

        def work(connection: sa.Connection) -> None:
            if identities is None:
                connection.execute(sa.delete(table).where(_of(source, tenant_id, destination)))
            else:
                _delete(connection, (source, tenant_id, destination), identities)

        self._db.write(work, durable=True)


def _identity(kind: ResourceKind, source_id: str) -> str:
    """An id can be longer (USER_ID/NAME of a keypair) than MariaDB takes into a primary key beside the names."""
    return hashlib.sha256(f"{kind}/{source_id}".encode()).hexdigest()


def _of(source: str, tenant_id: str, destination: str) -> sa.ColumnElement[bool]:
    c = table.c
    return sa.and_(c.source == source, c.tenant_id == tenant_id, c.destination == destination)


def _positions(
    connection: sa.Connection, migration: tuple[str, str, str], identities: Sequence[str]
) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for some in _some(identities):
        query = sa.select(table.c.identity, table.c.position).where(_of(*migration))
        rows = connection.execute(query.where(table.c.identity.in_(some)))
        found |= {row.identity: row.position for row in rows}
    return found


def _some(identities: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(identities), AT_ONCE):
        yield identities[start : start + AT_ONCE]


def _delete(connection: sa.Connection, migration: tuple[str, str, str], identities: Sequence[str]) -> None:
    for some in _some(identities):
        connection.execute(sa.delete(table).where(_of(*migration), table.c.identity.in_(some)))


def _row(move: Move) -> dict[str, Any]:
    return {
        "source": move.source,
        "tenant_id": move.tenant_id,
        "destination": move.destination,
        "kind": move.kind.value,
        "source_id": move.source_id,
        "name": move.name,
        "state": move.state.value,
        "destination_id": move.destination_id,
        "ours": move.ours,
        "source_version": move.source_version,
        "operation_id": move.operation_id,
        "at": move.at,
        "details": dict(move.details),
    }


def _move(row: Mapping[Any, Any]) -> Move:
    values = {key: row[key] for key in row if key not in {"identity", "position"}}
    return Move(**{**values, "kind": ResourceKind(row["kind"]), "state": MoveState(row["state"])})
