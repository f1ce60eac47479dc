"""Fences and their journals in memory, by the rules of ports/fences.py; used by workflow and service tests. The contract is proved on it as on SQL."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any

from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.fence import EntryState, Fence, FenceEntry
from pumphouse.ports.fences import FenceStore

Key = tuple[str, str]


class MemoryFences(FenceStore):
    """In dictionaries; what is handed in and out is copied, as a database does. Safe for many threads."""

    def __init__(self) -> None:
        self.known: dict[Key, Fence] = {}
        self.journals: dict[Key, dict[Key, FenceEntry]] = {}
        self._lock = threading.Lock()

    @override
    def fences(self, environment: str | None = None) -> Sequence[Fence]:
        with self._lock:
            found = [f for f in self.known.values() if environment in {None, f.environment}]
        return deepcopy(sorted(found, key=lambda f: (f.environment, f.tenant_name, f.tenant_id)))

    @override
    def fence(self, environment: str, tenant_id: str) -> Fence | None:
        with self._lock:
            return deepcopy(self.known.get((environment, tenant_id)))

    @override
    def due_fences(self, now: datetime) -> Sequence[Fence]:
        return [f for f in self.fences() if f.until is not None and f.until <= now]

    @override
    def put_fence(self, fence: Fence) -> None:
        with self._lock:
            self.known[fence.environment, fence.tenant_id] = deepcopy(fence)
            self.journals.setdefault((fence.environment, fence.tenant_id), {})

    @override
    def drop_fence(self, environment: str, tenant_id: str) -> None:
        with self._lock:
            self.known.pop((environment, tenant_id), None)
            self.journals.pop((environment, tenant_id), None)

    @override
    def fence_entries(
        self, environment: str, tenant_id: str, *, kinds: Iterable[str] | None = None, key: str | None = None
    ) -> Sequence[FenceEntry]:
        only = None if kinds is None else set(kinds)
        with self._lock:
            found = list(self.journals.get((environment, tenant_id), {}).values())
        return deepcopy([e for e in found if (only is None or e.kind in only) and key in {None, e.key}])

    @override
    def put_entries(self, environment: str, tenant_id: str, entries: Iterable[FenceEntry]) -> None:
        wanted = deepcopy(list(entries))
        if not wanted:
            return
        with self._lock:
            journal = self._journal(environment, tenant_id)
            # a dictionary keeps the place of a key that is written again
            journal.update({(entry.kind, entry.key): entry for entry in wanted})

    @override
    def mark_entry(
        self, environment: str, tenant_id: str, kind: str, key: str, state: EntryState,
        data: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        with self._lock:
            journal = self.journals.get((environment, tenant_id), {})
            present = journal.get((kind, key))
            if present is None:
                raise NotFoundError("entry of a fence", f"{environment}/{tenant_id} {kind} {key}")
            merged = {**present.data, **deepcopy(dict(data or {}))}
            journal[kind, key] = replace(present, state=state, data=merged)

    def _journal(self, environment: str, tenant_id: str) -> dict[Key, FenceEntry]:
        if (environment, tenant_id) not in self.known:
            raise NotFoundError(
                "fence", f"{environment}/{tenant_id}", hint="put the fence before its entries"
            )
        return self.journals[environment, tenant_id]
