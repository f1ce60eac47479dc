"""The records of what became of a tenant's things in another cloud. Implemented by drivers/database/moves.py; every write is durable on return."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from pumphouse.domain.resource import Move, ResourceKind


class MoveStore(Protocol):
    """Source ids to destination ids, for good: names are never identity."""

    def moves(
        self, source: str, tenant_id: str, destination: str, *, kinds: Iterable[ResourceKind] | None = None
    ) -> Sequence[Move]:
        """Those of one migration, in the order of kinds and then of their recording."""
        ...

    def migrations(self) -> Sequence[Mapping[str, str]]:
        """All that have records: `source`, `tenant_id`, `destination`."""
        ...

    def put_moves(self, moves: Iterable[Move]) -> None:
        """Insert or replace by identity, all in one transaction."""
        ...

    def release_move(self, move: Move) -> Move | None:
        """For a thing that several migrations into one environment may share (a flavor, a user). When another has recorded the same thing there, this record is
        forgotten, in one transaction, and if it was ours, the thing is the other's from now on, with what is known of it (that a user has his password): None. Else the record as it stands; None too when it has gone.
        """
        ...

    def drop_moves(
        self, source: str, tenant_id: str, destination: str, keys: Iterable[tuple[ResourceKind, str]] | None = None
    ) -> None:  # fmt: skip
        """Forget these (kind, source id), or all of the migration; unknown ones are no error."""
        ...
