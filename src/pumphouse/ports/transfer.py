"""Bytes from one cloud to another: images, volumes, root disks. Implemented by drivers/transfer/.

Nothing is ever held whole: memory stays flat whatever the size. Every copy is hashed on the way and compared at both ends; what was confirmed is never
copied again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

ProgressOf = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) now and then; raises StoppedError or StaleOwnerError to end the copy."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy has proven: `digest` of the data as ALGORITHM:HEX, equal at both ends; `moved_bytes` went over the wire in this call."""

    digest: str
    size_bytes: int
    moved_bytes: int
    seconds: float
    engine: str
    details: Mapping[str, Any] = field(default_factory=dict)


class ExtentJournal(Protocol):
    """What of a volume is confirmed, durable when `confirm` returns; kept with the item so that a resumed copy goes on where it was."""

    def confirmed(self) -> Mapping[int, str]:
        """Start of each confirmed extent in bytes -> its digest."""
        ...

    def confirm(self, extents: Sequence[tuple[int, str]]) -> None:
        """These arrived and read back with that digest."""
        ...


class ImageTransfer(Protocol):
    """Streams images between two clouds."""

    def copy_image(
        self, source: str, source_id: str, destination: str, destination_id: str, progress: ProgressOf
    ) -> Copied:
        """The bytes of an image into one that was made and is still `queued`, straight through, without a file. One that is `active` already is only compared.

        Raises:
            ConflictError: what has arrived differs; it is not kept.
        """
        ...


class VolumeTransfer(Protocol):
    """Copies the data of volumes that nobody writes to."""

    def engine(self, source: str, source_id: str, destination: str, destination_id: str) -> str:
        """The name of the best engine that both ends allow (`attach`, `glance`), for the plan."""
        ...

    def copy_volume(
        self, source: str, source_id: str, destination: str, destination_id: str, journal: ExtentJournal,
        progress: ProgressOf,
    ) -> Copied:  # fmt: skip
        """Bring the data of one volume into another of the same size or larger; goes on from the journal.

        Raises:
            ConflictError: one of them is attached elsewhere or being written to, or what has arrived differs.
        """
        ...
