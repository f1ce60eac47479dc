"""Reads Pumphouse's own SQLite file while a command runs, only to choose the moment for a kill; never to prove a claim."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STEPS = "FROM steps s JOIN operations o ON o.id = s.operation_id"


@dataclass(frozen=True)
class Records:
    """The database of one state directory."""

    path: Path

    def _rows(self, statement: str) -> Sequence[tuple[str, ...]]:
        if not self.path.exists():
            return []
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(statement).fetchall()
        except sqlite3.OperationalError:
            return []  # the tables are still being made
        finally:
            connection.close()

    def begun_steps(self) -> set[tuple[str, ...]]:
        """(operation, kind, step) of every step that has begun, children's included."""
        return set(self._rows(f"SELECT o.id, o.kind, s.name {STEPS} WHERE s.started_at IS NOT NULL"))

    def standing_steps(self) -> set[tuple[str, ...]]:
        """(operation, kind, step) of every step that has begun and has not ended."""
        return set(self._rows(f"SELECT o.id, o.kind, s.name {STEPS} WHERE s.status = 'running'"))

    def steps_of(self, root: str) -> dict[tuple[str, str], str]:
        """(kind, step) -> status, of an operation and its descendants."""
        family = {root}
        parents = dict(self._rows("SELECT id, parent_id FROM operations WHERE parent_id IS NOT NULL"))
        while more := {child for child, parent in parents.items() if parent in family} - family:
            family |= more
        rows = self._rows(f"SELECT o.id, o.kind, s.name, s.status {STEPS}")
        return {(kind, step): status for operation, kind, step, status in rows if operation in family}

    def running_items(self) -> set[tuple[str, ...]]:
        """(item,) of every server that is being moved."""
        return set(self._rows("SELECT id FROM items WHERE status = 'running' AND kind = 'server'"))

    def root_operation(self, kind: str) -> str | None:
        """The newest operation of a kind that was started by a person."""
        rows = self._rows(
            f"SELECT id FROM operations WHERE kind = '{kind}' AND parent_id IS NULL ORDER BY created_at DESC LIMIT 1"
        )
        return rows[0][0] if rows else None

    def stands_at(self, operation: str, status: str) -> bool:
        """Whether an operation has come to this status: a kill may come too late."""
        return bool(self._rows(f"SELECT id FROM operations WHERE id = '{operation}' AND status = '{status}'"))

    def failures(self) -> Sequence[tuple[str, ...]]:
        """(kind of operation, step, item, error) of all that has failed and was not mended."""
        items = self._rows(
            "SELECT o.kind, i.step, i.name, i.error FROM items i JOIN operations o ON o.id = i.operation_id WHERE i.error != ''"
        )
        return [*items, *self._rows(f"SELECT o.kind, s.name, '', s.error {STEPS} WHERE s.error != ''")]

    def confirmed_extents(self) -> int:
        """Entries in the journals of volumes."""
        return len(self._rows("SELECT name FROM memories WHERE name LIKE 'extents/%/%'"))
