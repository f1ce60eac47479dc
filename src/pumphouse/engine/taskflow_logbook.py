"""TaskFlow's logbook in our own database: its stock SQLAlchemy backend, taught to reuse what it has and to write no more than it must.

The stock one builds all its table objects anew for each of its four transactions per atom (53 ms CPU each, 685 MB at 1,000 atoms,
measured on 6.5), reads each row before it writes it, and writes a whole flow for each change of its state. Used by taskflow_flow.py.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from pumphouse.engine.light_imports import light

with light():
    from taskflow import exceptions
    from taskflow.persistence import models
    from taskflow.persistence.backends.impl_sqlalchemy import Connection, SQLAlchemyBackend


class Logbook(SQLAlchemyBackend):  # type: ignore[misc]  # TaskFlow has no types
    """The backend on an engine of ours; the tables are created by our migrations."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__({}, engine=engine)
        self._connection = _Writer(self, upgrade_lock=self._upgrade_lock)

    @override
    def get_connection(self) -> "_Writer":
        return self._connection

    def new_flow(self, operation_id: str, name: str, flow_id: str) -> models.FlowDetail:
        """A new flow detail in the operation's book, which is opened by the first one."""
        detail = models.FlowDetail(name, uuid=flow_id)
        self._connection.add_flow(models.LogBook(operation_id, uuid=operation_id), detail)
        return detail


class _Writer(Connection):  # type: ignore[misc]  # TaskFlow has no types
    """Writes what changed, and reads nothing back: a flow has one writer, the claim that it was made for (taskflow_flow.py).

    The statements are made once: building and compiling them is most of what a small write costs.
    """

    def __init__(self, backend: Logbook, upgrade_lock: object) -> None:
        super().__init__(backend, upgrade_lock)
        books, flows, atoms = self._tables
        self._find_book = sa.select(books.c.uuid).where(books.c.uuid == sa.bindparam("book"))
        self._add_book, self._add_flow, self._add_atom = sa.insert(books), sa.insert(flows), sa.insert(atoms)
        self._find_atoms = sa.select(atoms.c.uuid).where(atoms.c.parent_uuid == sa.bindparam("flow"))
        self._change_flow = _update(flows, ("meta", "state"))
        self._change_atom = _update(
            atoms,
            (
                "meta",
                "version",
                "state",
                "failure",
                "results",
                "revert_results",
                "revert_failure",
                "intention",
            ),
        )

    def add_flow(self, book: models.LogBook, flow: models.FlowDetail) -> None:
        """Write a flow that has no atoms yet, and its book if that is new. Raises SQLAlchemyError."""
        with self._engine.begin() as connection:
            if connection.execute(self._find_book, {"book": book.uuid}).first() is None:
                connection.execute(self._add_book, book.to_dict())
            connection.execute(self._add_flow, {**flow.to_dict(), "parent_uuid": book.uuid})

    @override
    def update_atom_details(self, atom_detail: models.AtomDetail) -> models.AtomDetail:
        with _in_taskflows_words(), self._engine.begin() as connection:
            if not connection.execute(self._change_atom, _named(atom_detail)).rowcount:
                raise exceptions.NotFound(f"no atom detail {atom_detail.uuid}")
        return atom_detail

    @override
    def update_flow_details(self, flow_detail: models.FlowDetail) -> models.FlowDetail:
        """Atoms that are there already are left alone: whoever changes one writes it himself."""
        with _in_taskflows_words(), self._engine.begin() as connection:
            if not connection.execute(self._change_flow, _named(flow_detail)).rowcount:
                raise exceptions.NotFound(f"no flow detail {flow_detail.uuid}")
            known = set(connection.execute(self._find_atoms, {"flow": flow_detail.uuid}).scalars())
            news = [_atom_row(atom, flow_detail) for atom in flow_detail if atom.uuid not in known]
            if news:
                connection.execute(self._add_atom, news)
        return flow_detail


@contextmanager
def _in_taskflows_words() -> Iterator[None]:
    # TaskFlow tries again what ends in its own error
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise exceptions.StorageFailure("the logbook could not be written") from error


def _update(table: sa.Table, columns: Iterable[str]) -> sa.Update:
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in columns}
    return sa.update(table).where(table.c.uuid == sa.bindparam("own_uuid")).values(values)


def _named(detail: models.FlowDetail | models.AtomDetail) -> dict[str, Any]:
    row = detail.to_dict()
    own = {"own_uuid": row.pop("uuid")}
    del row["name"]
    return own | {f"new_{name}": value for name, value in row.items()}


def _atom_row(atom: models.AtomDetail, flow: models.FlowDetail) -> dict[str, Any]:
    return {**atom.to_dict(), "parent_uuid": flow.uuid, "atom_type": models.atom_detail_type(atom)}
