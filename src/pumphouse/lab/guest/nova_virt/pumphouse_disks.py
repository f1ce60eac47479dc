"""The root disks of the lab's guests: one small file each, in the folder of the node that the guest is on. Used by pumphouse_fake.py.

A disk has the bytes of the image that the server was made from, and whatever a test has written into it since. All nodes of a cloud are folders of one
machine, so a node takes a disk from another's folder as it would from shared storage. Nothing here needs Nova: both releases run it, and so do unit tests.
"""

import os
from pathlib import Path

FOLDER = "disks"
RESIZED = "_resize"
"""What a disk's name ends with at the source of a cold migration until that is confirmed or reverted; libvirt does it so."""
_PIECE = 1 << 16
_ZEROS = bytes(_PIECE)


class RootDisks:
    """The disks of one node; `state_path` is the node's folder, and its siblings are the other nodes' of the cloud."""

    def __init__(self, state_path):
        self._own = Path(state_path) / FOLDER
        self._all = Path(state_path).parent

    def path(self, uuid):
        """Where this node keeps the disk, be it there or not."""
        return self._own / uuid

    def find(self, uuid):
        """The disk of a guest: our own, else another node's, else the one that a cold migration left; None if there is none at all."""
        for name in (uuid, uuid + RESIZED):
            own = self._own / name
            if own.exists():
                return own
            found = self._elsewhere(name)
            if found:
                return found[0]
        return None

    def take(self, uuid):
        """Carry the disk here from the node that has it; whether there is one now. For a live migration, an evacuation, and a repeat of either."""
        own = self._own / uuid
        if own.exists():
            return True
        found = self._elsewhere(uuid)
        if found:
            self._own.mkdir(parents=True, exist_ok=True)
            found[0].replace(own)
        return bool(found)

    def write(self, uuid, source):
        """A new disk with the bytes of a file; zeros become holes."""
        self._own.mkdir(parents=True, exist_ok=True)
        draft = self._own / (uuid + ".draft")
        sparse_copy(source, draft)
        draft.replace(self._own / uuid)

    def remove(self, uuid):
        """The guest is deleted here, or rebuilt: a disk that another node has taken over stays."""
        (self._own / uuid).unlink(missing_ok=True)

    def set_aside(self, uuid):
        """The guest leaves by a cold migration: the disk stays behind for a revert."""
        if (self._own / uuid).exists():
            (self._own / uuid).replace(self._own / (uuid + RESIZED))

    def receive(self, uuid):
        """The guest has come by a cold migration: a copy of the disk that was set aside."""
        for left in (self._own / (uuid + RESIZED), *self._elsewhere(uuid + RESIZED)):
            if left.exists():
                self.write(uuid, left)
                return

    def confirm(self, uuid):
        """It stays where it went."""
        (self._own / (uuid + RESIZED)).unlink(missing_ok=True)

    def revert(self, uuid):
        """It is back: what it had when it left counts, and nobody else's copy."""
        left = self._own / (uuid + RESIZED)
        if left.exists():
            left.replace(self._own / uuid)
            for copy in self._elsewhere(uuid):
                copy.unlink(missing_ok=True)

    # -- images that disks are made from

    def image(self, image_id, download):
        """The bytes of an image, fetched once per node by `download(path)`; an image never changes."""
        folder = self._own / "images"
        kept = folder / image_id
        if not kept.exists():
            folder.mkdir(parents=True, exist_ok=True)
            draft = folder / f"{image_id}.{os.urandom(4).hex()}"
            try:
                download(str(draft))
                draft.replace(kept)
            finally:
                draft.unlink(missing_ok=True)
        return kept

    def _elsewhere(self, name):
        return [
            found
            for found in sorted(self._all.glob(f"*/{FOLDER}/{name}"))
            if found.parent != self._own and found.is_file()
        ]


def sparse_copy(source, target):
    """Copy a file; pieces of zeros are not written."""
    with source.open("rb") as reader, target.open("wb") as writer:
        while piece := reader.read(_PIECE):
            if piece == _ZEROS[: len(piece)]:
                writer.seek(len(piece), os.SEEK_CUR)
            else:
                writer.write(piece)
        writer.truncate()
