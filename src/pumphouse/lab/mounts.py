"""The bind mounts that stand in for NFS mounts of the volume share. Made by `bringup`, removed by `Lab.down`."""

import subprocess
from pathlib import Path

from pumphouse.lab import options
from pumphouse.lab.choices import Choices
from pumphouse.lab.layout import Layout


def mounted_below(directory: Path) -> list[Path]:
    """Mount points below `directory`, the deepest first."""
    points = (
        line.split()[4].replace("\\040", " ")
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
    )
    return sorted((Path(p) for p in points if Path(p).is_relative_to(directory)), reverse=True)


def mount_volume_shares(layout: Layout, cloud: str, choices: Choices) -> None:
    """The drivers take a share that is mounted already, so neither an NFS server nor a Virtuozzo cluster is needed."""
    mounted = mounted_below(layout.cloud_dir(cloud))
    for backend in choices.backends:
        share, point = options.share(layout, cloud, backend), options.mount_point(layout, cloud, backend)
        share.mkdir(parents=True, exist_ok=True)
        point.mkdir(parents=True, exist_ok=True)
        if point not in mounted:
            subprocess.run(["mount", "--bind", share, point], check=True, capture_output=True)


def unmount_all(layout: Layout) -> None:
    """Remove every mount of this lab; a busy one is detached, its last user lets go of it."""
    unmount_below(layout.state_dir)


def unmount_below(directory: Path) -> None:
    """The same for one directory."""
    for point in mounted_below(directory):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
