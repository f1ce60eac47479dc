"""`ports.transfer.VolumeTransfer`: picks an engine for a pair of volumes. Made by `main` for the toolbox."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import CloudRefusedError, ConflictError
from pumphouse.drivers.transfer import attach, by_glance
from pumphouse.drivers.transfer.attach import AttachEngine
from pumphouse.drivers.transfer.by_glance import GlanceEngine
from pumphouse.drivers.transfer.connectors import UnfitError
from pumphouse.drivers.transfer.ends import CloudEnd, EndOf
from pumphouse.ports.clock import Clock
from pumphouse.ports.transfer import Copied, ExtentJournal, ProgressOf, VolumeTransfer

_LOG = logging.getLogger(__name__)
_VERSION: Final = "3.63"


class CinderVolumeTransfer(VolumeTransfer):
    """Safe for use by many threads, each with other volumes."""

    def __init__(self, end_of: EndOf, clock: Clock, attaching: AttachEngine, glance: GlanceEngine) -> None:
        self._end_of = end_of
        self._clock = clock
        self._attaching = attaching
        self._glance = glance

    @override
    def engine(self, source: str, source_id: str, destination: str, destination_id: str) -> str:
        del source_id, destination_id  # what a volume's backend is shows only when it is attached
        here, there = self._end_of(source), self._end_of(destination)
        not_attached = self._attaching.hindrance(here, there)
        if not not_attached:
            return attach.ENGINE
        not_by_glance = self._glance.hindrance(here, there)
        if not not_by_glance:
            return by_glance.ENGINE
        raise CloudRefusedError(
            f"no way to copy volumes from {source} to {destination}: {not_attached}; {not_by_glance}",
            hint="install pumphouse[transfer] on this machine and connect it to both storages",
        )

    @override
    def copy_volume(
        self, source: str, source_id: str, destination: str, destination_id: str, journal: ExtentJournal,
        progress: ProgressOf,
    ) -> Copied:  # fmt: skip
        engine = self.engine(source, source_id, destination, destination_id)
        here, there = self._end_of(source), self._end_of(destination)
        original, copy = _volume(here, source_id), _volume(there, destination_id)
        _refuse(here, original, there, copy)
        with _writable(there, copy):
            return self._copied(engine, (here, original), (there, copy), journal, progress)

    def _copied(
        self, engine: str, origin: tuple[CloudEnd, Mapping[str, Any]], goal: tuple[CloudEnd, Mapping[str, Any]],
        journal: ExtentJournal, progress: ProgressOf,
    ) -> Copied:  # fmt: skip
        (here, original), (there, copy) = origin, goal
        why = ""
        if engine == attach.ENGINE:
            began = self._clock.monotonic()
            try:
                done = self._attaching.copy(here, original, there, copy, journal, progress)
            except UnfitError as error:
                why = error.message
                _LOG.info("volume %s of %s goes through Glance: %s", original["id"], here.environment, why)
            else:
                return Copied(
                    digest=done.digest,
                    size_bytes=int(original["size"]) << 30,
                    moved_bytes=done.moved_bytes,
                    seconds=self._clock.monotonic() - began,
                    engine=attach.ENGINE,
                    details={"data_bytes": done.data_bytes},
                )
        hindrance = self._glance.hindrance(here, there)
        if hindrance:
            raise CloudRefusedError(
                f"volume {original['id']} of {here.environment} cannot be copied: {why}; {hindrance}",
                hint="install pumphouse[transfer] on this machine and connect it to both storages",
            )
        # read again: the other engine has attached and detached them
        original, copy = _volume(here, str(original["id"])), _volume(there, str(copy["id"]))
        copied = self._glance.copy(here, original, there, copy, progress)
        return replace(copied, details={**copied.details, "not_attached": why}) if why else copied


@contextmanager
def _writable(end: CloudEnd, volume: Mapping[str, Any]) -> Iterator[None]:
    """A volume that is to be read-only may have got that mark before its data: it is lifted, and put back when they are there."""
    if str((volume.get("metadata") or {}).get("readonly", "")).lower() != "true":
        yield
        return
    _mark_read_only(end, volume, read_only=False)
    yield
    _mark_read_only(end, volume, read_only=True)


def _mark_read_only(end: CloudEnd, volume: Mapping[str, Any], *, read_only: bool) -> None:
    body = {"os-update_readonly_flag": {"readonly": read_only}}
    end.write("block-storage", "POST", f"/volumes/{volume['id']}/action", json=body)


def _volume(end: CloudEnd, id: str) -> Mapping[str, Any]:
    row: Mapping[str, Any] = end.get("block-storage", f"/volumes/{id}", microversion=_VERSION)["volume"]
    return row


def _refuse(here: CloudEnd, source: Mapping[str, Any], there: CloudEnd, copy: Mapping[str, Any]) -> None:
    for end, row in ((here, source), (there, copy)):
        if row.get("encrypted"):
            raise CloudRefusedError(
                f"volume {row['id']} of {end.environment} is encrypted: its key does not leave its cloud",
                hint="let its owner copy the data from inside a server",
            )
        if row["status"] not in ("available", "in-use", "attaching", "reserved"):
            raise ConflictError(
                f"volume {row['id']} of {end.environment} is {row['status']}",
                hint="bring it to available or in-use first",
            )
    if int(copy["size"]) < int(source["size"]):
        raise ConflictError(f"volume {copy['id']} of {there.environment} is smaller than {source['id']}")
