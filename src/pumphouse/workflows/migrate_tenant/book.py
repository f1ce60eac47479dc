"""What became of each thing, as one step sees it: the records of ports/moves.py with the ids that follow from them. Every step of this folder, the servers' too,
works through one `Book`. Safe for many threads; every write is durable when it returns.
"""

import threading
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.resource import Move, MoveState, Resource, ResourceKind, UnmappedError, translated
from pumphouse.engine.step import StepContext
from pumphouse.workflows.migrate_tenant.fingerprint import prints_of
from pumphouse.workflows.migrate_tenant.kind import Choices, Kind
from pumphouse.workflows.migrate_tenant.looking import choices_of
from pumphouse.workflows.migrate_tenant.planner import DATA_WITH, KEPT, PRINTS

WANTED = "wanted"
"""Key of an intended move's details: the fields that it was asked for with, by which it is found after a crash."""
CALLED = "called"
"""Key of an intended move's details: its name in the destination."""
WRONG = "wrong"
"""Key of a made move's details: the fields in which it is not as it should be; nothing is built upon it."""
UNSEEN = "(not compared yet)"
"""In the place of those fields: an earlier try has made it, and perhaps not whole."""


class Book:
    """The records of one migration.

    `source` and `destination` are the two clouds, `tenant_id` the tenant in the source.
    """

    def __init__(self, ctx: StepContext) -> None:
        params = ctx.params
        self._moves_store = ctx.tools.moves
        self._clock = ctx.clock
        self._operation_id = ctx.operation.id
        self.environment, self.destination_environment = (
            str(params["environment"]),
            str(params["destination"]),
        )
        self.tenant_id = str(params["tenant"])
        self.source = ctx.tools.resources(self.environment)
        self.destination = ctx.tools.resources(self.destination_environment)
        self.choices = choices_of(params) if "names" in params else Choices()
        self._lock = threading.RLock()
        self._news = threading.Condition()
        self._keys: dict[str, threading.RLock] = {}
        self._moves = {
            f"{move.kind}/{move.source_id}": move
            for move in self._moves_store.moves(
                self.environment, self.tenant_id, self.destination_environment
            )
        }
        self._counterparts = {(m.kind, m.destination_id): key for key, m in self._moves.items()}
        self._given_up: set[str] = set()
        self._ids = {key: m.destination_id for key, m in self._moves.items() if _stands(m)}

    @classmethod
    def of(cls, ctx: StepContext) -> "Book":
        """That of this step: read once when its first item asks."""
        with _LOCK:
            if ctx not in _BOOKS:
                _BOOKS[ctx] = cls(ctx)
            return _BOOKS[ctx]

    @property
    def tenant(self) -> str:
        """The id of the tenant's project in the destination.

        Raises:
            ConflictError: it has not been made.
        """
        return self.counterpart(f"{ResourceKind.PROJECT}/{self.tenant_id}")

    def move(self, key: str) -> Move | None:
        """What became of the source's KIND/ID."""
        with self._lock:
            return self._moves.get(key)

    def moves(self) -> list[Move]:
        """All, in the order of kinds."""
        with self._lock:
            return list(self._moves.values())

    def ids(self) -> Mapping[str, str]:
        """KIND/ID in the source -> id in the destination, of all that stands there; grows while others work."""
        return self._ids

    def counterpart(self, key: str) -> str:
        """The id in the destination of the source's KIND/ID.

        Raises:
            ConflictError: it has none.
        """
        found = self._ids.get(key)
        if found is None:
            raise _not_there(key)
        return found

    def wanted(self, resource: Resource, kind: Kind) -> dict[str, Any]:
        """The fields that its counterpart shall have, in the destination's references.

        Raises:
            ConflictError: something that it needs has no counterpart.
        """
        try:
            fields: dict[str, Any] = translated(kind.adjust(resource.fields, self.choices), self.ids())
        except UnmappedError as error:
            raise _not_there(str(error.args[0])) from error
        return fields

    def intend(
        self, resource: Resource, wanted: Mapping[str, Any], *, destination_id: str = "", **details: Any
    ) -> Move:
        """Write down that it is about to be made, or (with an id) that an existing one is about to be changed."""
        with self._key(resource.key):
            return self._put(self._intended(resource, wanted, destination_id, details))

    def made(self, key: str, destination_id: str, *, ours: bool, **details: Any) -> Move:
        """Write down its id in the destination, as soon as it is known."""
        return self._change(
            key, state=MoveState.MADE, destination_id=destination_id, ours=ours, details=details
        )

    def verified(self, resource: Resource, kind: Kind, **details: Any) -> Move:
        """Write down that its counterpart is like it, with what it was like in the source."""
        return self._change(
            resource.key, state=MoveState.VERIFIED, source_version=resource.version, details=self._proofs(resource, kind, details)
        )  # fmt: skip

    def recorded(
        self, resource: Resource, kind: Kind, destination_id: str, *, ours: bool, **details: Any
    ) -> Move:
        """Write down a counterpart that was there already: at once, as half of this would look like something that was begun."""
        with self._key(resource.key):
            move = self._intended(resource, {}, destination_id, {})
            known = {**move.details, **self._proofs(resource, kind, details)}
            merged = {name: value for name, value in known.items() if value is not None}
            return self._put(replace(move, state=MoveState.VERIFIED, ours=ours, details=merged))

    def note(self, key: str, **details: Any) -> Move:
        """Add to its details; a value of None takes one away."""
        return self._change(key, details=details)

    def committed(self, key: str) -> Move:
        """Write down that its source is deleted."""
        return self._change(key, state=MoveState.COMMITTED)

    def all_committed(self) -> None:
        """Write down of all that is left that the migration is through, in one transaction; nobody else works on them any more."""
        ended = [
            replace(m, state=MoveState.COMMITTED) for m in self.moves() if m.state is not MoveState.COMMITTED
        ]
        self._moves_store.put_moves(ended)
        with self._lock:
            self._moves |= {f"{m.kind}/{m.source_id}": m for m in ended}
            self._ids |= {f"{m.kind}/{m.source_id}": m.destination_id for m in ended if _stands(m)}

    def release(self, key: str) -> Move | None:
        """Let go of what other tenants' migrations may have as well: None when one of them has it from now on, else the record as it stands."""
        with self._key(key):
            move = self.move(key)
            left = None if move is None else self._moves_store.release_move(move)
            if left is None:
                self._forget(key)
            return left

    def _forget(self, key: str) -> Move | None:
        with self._lock:
            move = self._moves.pop(key, None)
            if move is not None:
                self._counterparts.pop((move.kind, move.destination_id), None)
                self._ids.pop(key, None)
            return move

    def drop(self, key: str) -> None:
        """Forget it."""
        with self._key(key):
            move = self._forget(key)
            if move is None:
                return
            self._moves_store.drop_moves(
                self.environment, self.tenant_id, self.destination_environment, [(move.kind, move.source_id)]
            )

    def give_up(self, key: str) -> None:
        """It has failed in this run: who waits for it need not wait any longer."""
        with self._news:
            self._given_up.add(key)
            self._news.notify_all()

    def is_settled(self, key: str, *, wait_s: float) -> bool:
        """Whether it has its counterpart, or will not get one in this run; answers late if it has to wait for that."""
        with self._news:
            return self._news.wait_for(lambda: key in self._ids or key in self._given_up, wait_s)

    def claim(self, kind: ResourceKind, destination_id: str, key: str) -> bool:
        """Take this thing of the destination as the counterpart of `key`; False when it is that of another."""
        with self._lock:
            return self._counterparts.setdefault((kind, destination_id), key) == key

    def _intended(
        self, resource: Resource, wanted: Mapping[str, Any], destination_id: str, details: Mapping[str, Any]
    ) -> Move:
        present = self.move(resource.key)
        same = present if present is not None and present.destination_id == destination_id else None
        return Move(
            source=self.environment,
            tenant_id=self.tenant_id,
            destination=self.destination_environment,
            kind=resource.kind,
            source_id=resource.id,
            name=resource.name,
            state=MoveState.INTENDED,
            destination_id=destination_id,
            ours=same is not None and same.ours,
            source_version=resource.version,
            # whoever made it may take it back, not who has brought it up to date
            operation_id=same.operation_id if same is not None and destination_id else self._operation_id,
            at=self._clock.now(),
            details={
                **(same.details if same is not None and destination_id else {}),
                WANTED: dict(wanted),
                **details,
            },
        )

    def _proofs(self, resource: Resource, kind: Kind, details: Mapping[str, Any]) -> dict[str, Any]:
        """The details of a verified move: what the source was like, by which a change is noticed, and what it was like before we touched it."""
        kept = {name: resource.fields[name] for name in sorted(kind.touched) if name in resource.fields}
        known = self.move(resource.key)
        if known is not None and known.details.get(KEPT):
            # what it was like before we touched it at the first time
            kept = dict(known.details[KEPT])
        proofs = (
            {PRINTS: prints_of(resource, kind), KEPT: kept} if kept else {PRINTS: prints_of(resource, kind)}
        )
        return {WANTED: None, CALLED: None, WRONG: None, **proofs, **details}

    def _change(self, key: str, *, details: Mapping[str, Any] | None = None, **changes: Any) -> Move:
        with self._key(key):
            present = self.move(key)
            if present is None:
                raise _not_there(key)
            merged = {k: v for k, v in {**present.details, **(details or {})}.items() if v is not None}
            return self._put(replace(present, details=merged, **changes))

    def _put(self, move: Move) -> Move:
        """Within the lock of its key: what is known of it changes when it is written, not before."""
        self._moves_store.put_moves([move])
        key = f"{move.kind}/{move.source_id}"
        with self._lock:
            self._moves[key] = move
            if _stands(move):
                self._ids[key] = move.destination_id
            else:
                self._ids.pop(key, None)
            if move.destination_id:
                self._counterparts[move.kind, move.destination_id] = key
        with self._news:
            self._news.notify_all()
        return move

    def _key(self, key: str) -> threading.RLock:
        """One at a time changes what is known of a thing."""
        with self._lock:
            return self._keys.setdefault(key, threading.RLock())


def _stands(move: Move) -> bool:
    if not move.destination_id or move.state is MoveState.INTENDED:
        return False
    # a volume whose data come with its server is mended and compared by that, before anything is attached
    is_servers = move.state is MoveState.MADE and DATA_WITH in move.details
    return is_servers or WRONG not in move.details


def _not_there(key: str) -> ConflictError:
    return ConflictError(
        f"it needs {key}, which has no counterpart in the destination: that one failed or was left out",
        hint=f"see what became of {key}; then retry",
    )


_LOCK = threading.Lock()
_BOOKS: "weakref.WeakKeyDictionary[StepContext, Book]" = weakref.WeakKeyDictionary()
