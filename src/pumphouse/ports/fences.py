"""The records and journals of fences around tenants. Implemented by drivers/database/fences.py; every write is durable when the call returns."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from pumphouse.domain.fence import EntryState, Fence, FenceEntry


class FenceStore(Protocol):
    """One fence per tenant; its entries are its journal and go with it."""

    def fences(self, environment: str | None = None) -> Sequence[Fence]:
        """All that stand (or are being put up or lifted), by environment and tenant name."""
        ...

    def fence(self, environment: str, tenant_id: str) -> Fence | None:
        """That of one tenant."""
        ...

    def due_fences(self, now: datetime) -> Sequence[Fence]:
        """Those whose `until` has passed."""
        ...

    def put_fence(self, fence: Fence) -> None:
        """Insert or replace it; its entries stay."""
        ...

    def drop_fence(self, environment: str, tenant_id: str) -> None:
        """Forget it with its entries; unknown is no error."""
        ...

    def fence_entries(
        self, environment: str, tenant_id: str, *, kinds: Iterable[str] | None = None, key: str | None = None
    ) -> Sequence[FenceEntry]:
        """In the order in which they were first written; of these kinds, with this key, or all."""
        ...

    def put_entries(self, environment: str, tenant_id: str, entries: Iterable[FenceEntry]) -> None:
        """Insert or replace by (kind, key), all in one transaction."""
        ...

    def mark_entry(
        self, environment: str, tenant_id: str, kind: str, key: str, state: EntryState,
        data: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Set its state, and merge `data` into its data."""
        ...
