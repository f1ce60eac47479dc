"""Where the root disk of a server of a lab is: a file with the bytes of its image and whatever was written into it since. For tests, through `Lab.root_disk`."""

from pathlib import Path
from typing import Final

from pumphouse.lab.errors import LabConfigurationError

FOLDER: Final = "disks"
RESIZED: Final = "_resize"
"""As in guest/nova_virt/pumphouse_disks.py, which runs in Nova's own Python and writes these files."""


def root_disk(clouds_dir: Path, server_id: str) -> Path:
    """The file, wherever in the lab the server is now. It may be read at any time, and written to like a guest would while the server is not being moved.

    Raises:
        LabConfigurationError: no node has one: the server was booted from a volume, is shelved and offloaded, or does not exist.
    """
    for name in (server_id, server_id + RESIZED):
        # by the time of writing: a crash in the middle of a move may leave an older one
        found = sorted(clouds_dir.glob(f"*/nodes/*/{FOLDER}/{name}"), key=lambda path: path.stat().st_mtime)
        if found:
            return found[-1]
    raise LabConfigurationError(
        "server", server_id, "no node of this lab has a root disk of it",
        hint="Servers that were booted from a volume, and those that are shelved and offloaded, have none.",
    )  # fmt: skip
