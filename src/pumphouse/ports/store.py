"""What is remembered between runs. Implemented by drivers/database on SQLite, PostgreSQL and MariaDB; one contract suite proves all three.

No call holds a transaction across anything but SQL. Writes to a running operation carry its owner's token and raise StaleOwnerError when
another process has taken it over.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from pumphouse.domain.environment import Environment
from pumphouse.domain.events import Event, NewEvent
from pumphouse.domain.node import Maintenance


class EnvironmentStore(Protocol):
    """Environments under management and the maintenance records of their nodes."""

    def add_environment(self, environment: Environment) -> None:
        """Raises ConflictError when the name is taken."""
        ...

    def environments(self) -> Sequence[Environment]:
        """All, by name."""
        ...

    def environment(self, name_or_id: str) -> Environment:
        """Raises NotFoundError."""
        ...

    def update_environment(self, environment: Environment) -> None:
        """Replace the row with this id."""
        ...

    def remove_environment(self, environment_id: str) -> None:
        """Forget it, with its maintenance records; its operations and events stay."""
        ...

    def maintenances(self, environment: str | None = None) -> Sequence[Maintenance]:
        """Nodes that we hold in maintenance."""
        ...

    def put_maintenance(self, maintenance: Maintenance) -> None:
        """Insert or replace the record of that node."""
        ...

    def drop_maintenance(self, environment: str, node: str) -> None:
        """Forget it; unknown is no error."""
        ...


class EventStore(Protocol):
    """The append-only table of events."""

    def append(self, events: Iterable[NewEvent]) -> Sequence[Event]:
        """Write them with ascending numbers."""
        ...

    def events(
        self,
        *,
        after: int = 0,
        limit: int = 200,
        operation_id: str | None = None,
        notify: bool | None = None,
        newest: bool = False,
    ) -> Sequence[Event]:
        """Events with `seq > after` in ascending order, or with `newest` the last `limit` in descending order."""
        ...


class HealthStore(Protocol):
    """Health check runs."""

    def put_health_run(self, run: Mapping[str, Any]) -> None:
        """Insert or replace by `id`; JSON-safe."""
        ...

    def health_runs(self, *, environment: str | None = None, limit: int = 20) -> Sequence[Mapping[str, Any]]:
        """Newest first."""
        ...
