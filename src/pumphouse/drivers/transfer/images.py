"""`ports.transfer.ImageTransfer` between two Glances: straight through, without a file. Made by `main` for the toolbox.

What a broken upload leaves, read in glance/api/v2/image_data.py (`upload`, the same in 2023.1 and 2026.2) and glance/domain/__init__.py:

* an error that Glance lives to see (the client went away, the store failed): `_restore` puts the image back to `queued`, the store has dropped what had come.
  The whole upload is sent again into the same image; Glance has no way to go on in the middle.
* Glance itself dies: the image stays `saving` for good. From there no client can bring it back, only delete it. We do, and say so: another one is to be made.
* `killed` was the v1 API's; v2 knows the word in its schema and nothing goes there any more. It is treated like `saving`.
* the token is checked when the request comes in. One that expires later does not matter; one that is refused then is renewed, and all is sent again.
* a body shorter than its Content-Length is an error; one in chunks that ends early would be `active`. So the length is always told, and hashes are compared.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import CloudFaultError, ConflictError, DeadlineError, NotFoundError
from pumphouse.drivers.transfer.ends import CloudEnd, EndOf
from pumphouse.drivers.transfer.stream import digests_at, stream
from pumphouse.drivers.transfer.throttle import Throttle
from pumphouse.ports.clock import Clock
from pumphouse.ports.transfer import Copied, ImageTransfer, ProgressOf

ENGINE: Final = "glance-stream"
ALGORITHM: Final = "sha512"
ATTEMPTS: Final = 5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_SETTLE_S: Final = 60.0
"""How long an upload that we know to be broken may stay `saving` before Glance is taken for dead."""
_POLL_S: Final = 1.0
_UNFINISHED: Final = frozenset({"saving", "uploading", "importing"})
_PATCH: Final = "application/openstack-images-v2.1-json-patch"


class GlanceImageTransfer(ImageTransfer):
    """Safe for use by many threads; several copies at once share `throttle`."""

    def __init__(self, end_of: EndOf, clock: Clock, throttle: Throttle) -> None:
        self._end_of = end_of
        self._clock = clock
        self._throttle = throttle

    @override
    def copy_image(
        self, source: str, source_id: str, destination: str, destination_id: str, progress: ProgressOf
    ) -> Copied:
        began = self._clock.monotonic()
        here, there = self._end_of(source), self._end_of(destination)
        original = here.get("image", f"/images/{source_id}")
        if original["status"] != "active":
            raise ConflictError(
                f"image {source_id} of {source} is {original['status']}: its bytes cannot be read",
                hint="reactivate it, or leave it out",
            )
        size = int(original["size"])
        algorithms = {ALGORITHM, _hash_of(original)[0]}
        sent: Mapping[str, str] = {}
        moved = 0
        copy = self._settled(there, destination_id)
        pause = _FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            if copy["status"] == "active":
                break
            try:
                moved += size
                sent = stream(
                    here, f"/images/{source_id}/file", there, f"/images/{destination_id}/file",
                    size=size, algorithms=algorithms, throttle=self._throttle, progress=progress,
                )  # fmt: skip
            except CloudFaultError:
                sent = {}
                if attempt == ATTEMPTS:
                    raise
                self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            copy = self._settled(there, destination_id)
        if copy["status"] != "active":
            raise CloudFaultError(
                f"image {destination_id} of {destination} is {copy['status']} after its upload", hint="retry"
            )
        if moved and not sent and copy.get("size") != size:
            # what we have broken off ourselves, and a Glance took for whole (before glance_store 5 it did not compare the length)
            drop_image(there, copy)
            raise CloudFaultError(
                f"image {destination_id} of {destination} became active with a part of its bytes, and was deleted",
                hint="retry: another one is made",
            )
        digest = self._proven(here, original, there, copy, sent, progress)
        return Copied(
            digest=f"{ALGORITHM}:{digest}",
            size_bytes=size,
            moved_bytes=moved,
            seconds=self._clock.monotonic() - began,
            engine=ENGINE,
            details={"source_hash": ":".join(_hash_of(original)), "destination_hash": ":".join(_hash_of(copy))},
        )  # fmt: skip

    def _settled(self, there: CloudEnd, id: str) -> Mapping[str, Any]:
        """The image when no upload into it is under way: `queued` or `active`.

        Raises:
            CloudFaultError: it cannot be used any more and was deleted, or somebody has deleted it; another one is to be made.
        """
        deadline = self._clock.monotonic() + _SETTLE_S
        while True:
            try:
                row: Mapping[str, Any] = there.get("image", f"/images/{id}")
            except NotFoundError as error:
                raise CloudFaultError(
                    f"image {id} of {there.environment} is gone: Glance deletes one whose upload it cannot finish",
                    hint="retry: another one is made",
                ) from error
            if row["status"] in ("queued", "active"):
                return row
            if row["status"] not in _UNFINISHED or self._clock.monotonic() >= deadline:
                drop_image(there, row)
                raise CloudFaultError(
                    f"image {id} of {there.environment} stayed {row['status']}: its upload broke off with Glance itself, and it was deleted",
                    hint="retry: another one is made",
                )
            self._clock.sleep(_POLL_S)

    def _proven(
        self,
        here: CloudEnd,
        original: Mapping[str, Any],
        there: CloudEnd,
        copy: Mapping[str, Any],
        sent: Mapping[str, str],
        progress: ProgressOf,
    ) -> str:
        """The digest that both ends agree on: the source's own hash, what went by, and the destination's own hash.

        Raises:
            ConflictError: they do not; the copy is deleted.
        """
        algorithm, said = _hash_of(original)
        if sent and said and sent[algorithm] != said:
            self._refuse(there, copy, f"what {here.environment} sent is not what it says it has")
        if copy.get("size") != original["size"]:
            self._refuse(there, copy, f"it has {copy.get('size')} bytes instead of {original['size']}")
        known = {algorithm: said, **sent}
        if not sent and (algorithm, said) == _hash_of(copy) and algorithm == ALGORITHM and said:
            return said  # both clouds computed it themselves: nothing need be read
        if ALGORITHM not in known or not known[ALGORITHM]:
            known.update(self._read_again(here, original, {ALGORITHM}, progress))
        algorithm, arrived = _hash_of(copy)
        if not arrived or not known.get(algorithm):
            algorithm = ALGORITHM
            arrived = self._read_again(there, copy, {ALGORITHM}, progress)[ALGORITHM]
        if known[algorithm] != arrived:
            self._refuse(there, copy, "its hash is not the original's")
        return known[ALGORITHM]

    def _read_again(
        self, end: CloudEnd, row: Mapping[str, Any], algorithms: set[str], progress: ProgressOf
    ) -> Mapping[str, str]:
        return digests_at(
            end,
            f"/images/{row['id']}/file",
            size=int(row["size"]),
            algorithms=algorithms,
            throttle=self._throttle,
            progress=progress,
        )

    def _refuse(self, there: CloudEnd, copy: Mapping[str, Any], why: str) -> None:
        drop_image(there, copy)
        raise ConflictError(
            f"the copy of image {copy.get('name') or copy['id']} in {there.environment} is damaged and was not kept: {why}",
            hint="retry: another one is made",
        )


def drop_image(end: CloudEnd, row: Mapping[str, Any]) -> None:
    """Delete an image of our own making; a protected one is freed first, one that is gone is no error."""
    path = f"/images/{row['id']}"
    if row.get("protected"):
        patch = [{"op": "replace", "path": "/protected", "value": False}]
        end.write("image", "PATCH", path, json=patch, content_type=_PATCH)
    end.delete("image", path)


def wait_for_image(
    end: CloudEnd, id: str, clock: Clock, deadline_s: float, beat: Callable[[], None]
) -> Mapping[str, Any]:
    """An image that the cloud fills by itself, as soon as it is `active`; `beat` is called with each look, and may end the wait.

    Raises:
        ConflictError: the cloud gave it up.
        DeadlineError: it took longer.
    """
    deadline = clock.monotonic() + deadline_s
    while True:
        try:
            row: Mapping[str, Any] = end.get("image", f"/images/{id}")
        except NotFoundError as error:
            raise ConflictError(f"image {id} of {end.environment} went away while it was filled") from error
        if row["status"] == "active":
            return row
        if row["status"] not in {"queued", *_UNFINISHED}:
            raise ConflictError(f"image {id} of {end.environment} is {row['status']} instead of active")
        if clock.monotonic() >= deadline:
            raise DeadlineError(
                f"image {id} of {end.environment} is still {row['status']} after {deadline_s:.0f} s"
            )
        beat()
        clock.sleep(_POLL_S)  # fmt: skip


def _hash_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Algorithm and hex digest as Glance computed it; MD5 before Rocky, and ("sha512", "") where it has none."""
    if row.get("os_hash_algo") and row.get("os_hash_value"):
        return str(row["os_hash_algo"]), str(row["os_hash_value"])
    if row.get("checksum"):
        return "md5", str(row["checksum"])
    return ALGORITHM, ""
