"""Reads Pumphouse's own SQLite file while a command runs, only to choose the moment for a kill; never to prove a claim."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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
        """(operation, step) of every step that has begun, children's included."""
        return set(self._rows("SELECT operation_id, name FROM steps WHERE started_at IS NOT NULL"))

    def running_items(self) -> set[tuple[str, ...]]:
        """(item,) of every server that is being moved."""
        return set(self._rows("SELECT id FROM items WHERE status = 'running' AND kind = 'server'"))

    def root_operation(self, kind: str) -> str | None:
        """The newest operation of a kind that was started by a person."""
        rows = self._rows(
            f"SELECT id FROM operations WHERE kind = '{kind}' AND parent_id IS NULL ORDER BY created_at DESC LIMIT 1"
        )
        return rows[0][0] if rows else None
