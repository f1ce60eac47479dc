"""Engine `attach`: both volumes on this machine through Cinder's attachments, then extent by extent (extents.py); volumes.py calls it.

How Cinder sees it (cinder/volume/api.py, `attachment_create` and `_attachment_reserve`, the same in 2023.1 and 2026.2):

* a volume that nobody has is reserved for the uuid that we name; MARK is no server, so that what a crash leaves is known as ours and removed by the next copy.
* a volume that a stopped (`in-use`) or shelved (`reserved`) server has may be attached once more only in the name of that server, as Nova does when it moves one. Ours is then the attachment that
  Nova does not know (its list names attachments from microversion 2.89 on). Deleting ours is allowed for the same reason (`attachment_deletion_allowed`).
* microversions: 3.27 attachments, 3.44 `os-complete`, 3.54 `mode`. The source is attached read-only.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, overload

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, ConflictError
from pumphouse.drivers.transfer.connectors import Connectors, UnfitError
from pumphouse.drivers.transfer.disks import Disk
from pumphouse.drivers.transfer.ends import CloudEnd
from pumphouse.drivers.transfer.extents import ExtentCopy, Extents
from pumphouse.drivers.transfer.qcow2 import Qcow2Disk
from pumphouse.drivers.transfer.throttle import Throttle
from pumphouse.ports.transfer import ExtentJournal, ProgressOf

ENGINE: Final = "attach"
MARK: Final = "9a3c1f6e-70d5-5b0e-8a3e-7075a1905e01"
"""In whose name a volume is attached that no server has."""
_QUIET: Final = frozenset({"SHUTOFF", "SHELVED", "SHELVED_OFFLOADED", "SOFT_DELETED"})
"""Statuses of a server that writes nothing and holds nothing back in memory."""
_LATEST: Final = "3.68"


class AttachEngine:
    """Safe for use by many threads, each with other volumes."""

    def __init__(self, connectors: Connectors, throttle: Throttle) -> None:
        self._connectors = connectors
        self._throttle = throttle

    def hindrance(self, *ends: CloudEnd) -> str:
        """Why it cannot be used between these; "" when it can, as far as can be told without trying."""
        for end in ends:
            if not end.endpoint("block-storage").has("3.27"):
                return f"{end.environment} cinder is older than the attachments API (3.27)"
        return self._connectors.hindrance()

    def copy(
        self,
        here: CloudEnd,
        source: Mapping[str, Any],
        there: CloudEnd,
        destination: Mapping[str, Any],
        journal: ExtentJournal,
        progress: ProgressOf,
    ) -> Extents:
        """Copy; both volumes are as they were before, whatever happens.

        Raises:
            UnfitError: one of them cannot be attached here; nothing was copied.
            ConflictError: one of them is in use, or the destination does not keep what is written.
        """
        with (
            self._attached(here, source, "ro") as origin,
            self._attached(there, destination, "rw") as goal,
            _told(here, source, there, destination),
            _opened(origin) as read,
            _opened(goal, writable=True) as written,
        ):
            return ExtentCopy(read, written, journal, self._throttle).run(progress)

    @contextmanager
    def _attached(self, end: CloudEnd, volume: Mapping[str, Any], mode: str) -> "Iterator[_Place]":
        rows = self._attachments(end, volume)
        server = self._quiet_server(end, volume, rows, mode)
        self._clear(end, rows, server)
        what: dict[str, Any] = {
            "volume_uuid": volume["id"],
            "instance_uuid": server or MARK,
            "connector": {**self._connectors.properties(), "mode": mode},
        }
        if end.endpoint("block-storage").has("3.54"):
            what["mode"] = mode
        try:
            answer = _cinder(end, "POST", "/attachments", {"attachment": what})["attachment"]
        except CloudRefusedError as error:
            raise ConflictError(error.message, hint="is the volume free, or its server stopped?") from error
        try:
            info = answer["connection_info"]
            device = self._connectors.connect(info)
            try:
                if not server and end.endpoint("block-storage").has("3.44"):
                    _cinder(end, "POST", f"/attachments/{answer['id']}/action", {"os-complete": None})
                yield _Place(str(device["path"]), str(info.get("format") or "raw"))
            finally:
                self._connectors.disconnect(info, device)
        finally:
            end.delete("block-storage", f"/attachments/{answer['id']}", microversion=_LATEST)

    def _attachments(self, end: CloudEnd, volume: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All of a volume; its own row leaves out those that are only reserved, as of a server that is shelved."""
        return end.rows(
            "block-storage",
            "/attachments",
            "attachments",
            params={"all_tenants": "1", "volume_id": str(volume["id"])},
            microversion=_LATEST,
        )

    def _quiet_server(
        self, end: CloudEnd, volume: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], mode: str
    ) -> str:
        """The server that has the volume, "" for none.

        Raises:
            ConflictError: it may be written to, or is to be written to and is not free.
        """
        servers = sorted({str(row["instance"]) for row in rows if row.get("instance") not in (MARK, None)})
        for server in servers:
            status = str(end.get("compute", f"/servers/{server}", microversion="2.1")["server"]["status"])
            if mode != "ro" or status not in _QUIET:
                raise ConflictError(
                    f"volume {volume['id']} of {end.environment} is attached to server {server}, which is {status}",
                    hint="stop the server" if mode == "ro" else "detach the volume",
                )
        return servers[0] if servers else ""

    def _clear(self, end: CloudEnd, rows: Sequence[Mapping[str, Any]], server: str) -> None:
        """Remove what an earlier copy has left when it died."""
        stale = [row for row in rows if row.get("instance") == MARK]
        if server and end.endpoint("compute").has("2.89"):
            path = f"/servers/{server}/os-volume_attachments"
            known = {
                row.get("attachment_id")
                for row in end.get("compute", path, microversion="2.89")["volumeAttachments"]
            }
            stale += [row for row in rows if row.get("instance") == server and row["id"] not in known]
        for row in stale:
            end.delete("block-storage", f"/attachments/{row['id']}", microversion=_LATEST)


@dataclass(frozen=True, slots=True)
class _Place:
    path: str
    format: str


@overload
def _opened(place: _Place, *, writable: Literal[True]) -> Disk: ...
@overload
def _opened(place: _Place) -> Disk | Qcow2Disk: ...
def _opened(place: _Place, *, writable: bool = False) -> Disk | Qcow2Disk:
    """The format is what the cloud says: what the data themselves look like is their owner's doing."""
    if place.format != "raw" and (writable or place.format != "qcow2"):
        raise UnfitError(f"the volume is a {place.format} file, which only its own cloud can write")
    try:
        return Disk(place.path, writable=writable) if place.format == "raw" else Qcow2Disk(place.path)
    except OSError as error:
        # a share that squashes root, for instance: nothing has been copied yet, so the other engine may
        raise UnfitError(f"this machine cannot open it: {error.strerror or type(error).__name__}") from error


def _cinder(end: CloudEnd, method: str, path: str, body: Mapping[str, Any]) -> Any:
    return end.write("block-storage", method, path, json=body, microversion=_LATEST)


@contextmanager
def _told(
    here: CloudEnd, source: Mapping[str, Any], there: CloudEnd, destination: Mapping[str, Any]
) -> Iterator[None]:
    """What goes wrong with a device, in our words."""
    try:
        yield
    except OSError as error:
        raise CloudFaultError(
            f"copying volume {source['id']} of {here.environment} into {destination['id']} of {there.environment}"
            f" on this machine failed: {error.strerror or type(error).__name__}",
            hint="look at this machine's connection to the storage; the copy goes on where it was",
        ) from error
