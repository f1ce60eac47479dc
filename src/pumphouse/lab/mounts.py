"""The bind mounts that stand in for NFS mounts of the volume share. Made by `bringup`, removed by `Lab.down`."""

import subprocess
from pathlib import Path

from pumphouse.lab.layout import Layout


def mounted_below(directory: Path) -> list[Path]:
    """Mount points below `directory`, the deepest first."""
    points = (
        line.split()[4].replace("\\040", " ")
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
    )
    return sorted((Path(p) for p in points if Path(p).is_relative_to(directory)), reverse=True)


def mount_volume_share(layout: Layout, cloud: str) -> None:
    """The NFS driver takes a share that is mounted already, so no NFS server is needed."""
    share, point = layout.volume_share(cloud), layout.volume_mount(cloud)
    share.mkdir(parents=True, exist_ok=True)
    point.mkdir(parents=True, exist_ok=True)
    if point not in mounted_below(layout.cloud_dir(cloud)):
        subprocess.run(["mount", "--bind", share, point], check=True, capture_output=True)


def unmount_all(layout: Layout) -> None:
    """Remove every mount of this lab; a busy one is detached, its last user lets go of it."""
    for point in mounted_below(layout.state_dir):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
