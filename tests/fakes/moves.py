"""Moves in memory, by the rules of ports/moves.py; used by workflow and service tests. The contract is proved on it as on SQL."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

from typing_extensions import override

from pumphouse.domain.resource import ORDER, Move, ResourceKind
from pumphouse.ports.moves import MoveStore

Identity = tuple[str, str, str, ResourceKind, str]


class MemoryMoves(MoveStore):
    """In a dictionary; what is handed in and out is copied, as a database does. Safe for many threads."""

    def __init__(self) -> None:
        self.known: dict[Identity, Move] = {}
        self._lock = threading.Lock()

    @override
    def moves(
        self, source: str, tenant_id: str, destination: str, *, kinds: Iterable[ResourceKind] | None = None
    ) -> Sequence[Move]:
        wanted = None if kinds is None else set(kinds)
        with self._lock:
            found = [
                move
                for key, move in self.known.items()
                if key[:3] == (source, tenant_id, destination) and (wanted is None or move.kind in wanted)
            ]
        return deepcopy(sorted(found, key=lambda move: ORDER[move.kind]))

    @override
    def migrations(self) -> Sequence[Mapping[str, str]]:
        with self._lock:
            found = sorted({key[:3] for key in self.known})
        return [{"source": s, "tenant_id": t, "destination": d} for s, t, d in found]

    @override
    def put_moves(self, moves: Iterable[Move]) -> None:
        wanted = deepcopy(list(moves))
        with self._lock:
            for move in wanted:
                self.known[move.source, move.tenant_id, move.destination, move.kind, move.source_id] = move

    @override
    def release_move(self, move: Move) -> Move | None:
        mine = (move.source, move.tenant_id, move.destination, move.kind, move.source_id)
        with self._lock:
            own = self.known.get(mine)
            if own is None:
                return None
            others = [
                key
                for key, m in self.known.items()
                if key != mine
                and (m.destination, m.kind, m.destination_id)
                == (move.destination, move.kind, move.destination_id)
            ]
            if not others or not own.destination_id:
                return deepcopy(own)
            if own.ours:
                heir = self.known[others[0]]
                self.known[others[0]] = replace(heir, ours=True, details={**own.details, **heir.details})
            del self.known[mine]
            return None

    @override
    def drop_moves(
        self, source: str, tenant_id: str, destination: str, keys: Iterable[tuple[ResourceKind, str]] | None = None
    ) -> None:  # fmt: skip
        gone = None if keys is None else set(keys)
        with self._lock:
            for key in [k for k in self.known if k[:3] == (source, tenant_id, destination)]:
                if gone is None or key[3:] in gone:
                    del self.known[key]
