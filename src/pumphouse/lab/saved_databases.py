"""Keeps a freshly migrated and bootstrapped data directory in the cache, so that later labs start from it; and the same for one release as
SQL, for clouds that join a running lab.

Used by `bringup` and `databases`. An image belongs to the clouds' names and releases, not to ports or passwords: `CloudDatabases.fit`
writes those in afterwards.
"""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from pumphouse.lab.layout import Layout, cache_dir
from pumphouse.lab.locks import Lock
from pumphouse.lab.mariadb import SERVER
from pumphouse.lab.release import load_release
from pumphouse.lab.topology import CloudSpec

FORMAT = 1  # raise when databases.py makes something else than before


def image_file(clouds: Iterable[CloudSpec]) -> Path:
    """Where the image for these clouds is, or would be."""
    server = subprocess.run([SERVER, "--version"], capture_output=True, text=True, check=False).stdout
    parts = [FORMAT, server, [(c.name, c.release, load_release(c.release).key) for c in clouds]]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    return cache_dir() / "databases" / f"{key}.tar.zst"


def dump_file(release: str) -> Path:
    """Where the SQL of a fresh cloud of that release is, or would be."""
    parts = [FORMAT, release, load_release(release).key]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    return cache_dir() / "databases" / f"{release}-{key}.sql.zst"


def save_dump(release: str, sql: Mapping[str, str]) -> None:
    """Keep a fresh cloud's databases, as SQL by their names without the cloud's."""
    file = dump_file(release)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    draft = file.with_name(f".{file.name}.draft")
    with Lock(file.with_name(f".{file.name}.lock")):
        packed = subprocess.run(
            ["zstd", "-q", "-c"], input=json.dumps(dict(sql)).encode(), capture_output=True, check=True
        )
        draft.touch(mode=0o600)
        draft.write_bytes(packed.stdout)
        draft.replace(file)


def load_dump(release: str) -> dict[str, str]:
    """What `save_dump` has kept; empty if there is nothing."""
    file = dump_file(release)
    if not file.exists():
        return {}
    text = subprocess.run(["zstd", "-q", "-d", "-c", file], capture_output=True, check=True).stdout
    found: dict[str, str] = json.loads(text)
    return found


def save(layout: Layout, clouds: Iterable[CloudSpec]) -> None:
    """Pack the data directory; the server must be stopped."""
    image = image_file(clouds)
    image.parent.mkdir(parents=True, exist_ok=True)
    image.parent.chmod(0o700)
    draft = image.with_name(f".{image.name}.draft")
    with Lock(image.with_name(f".{image.name}.lock")):
        command = ["tar", "--zstd", "-cf", str(draft), "-C", str(layout.ram_dir), layout.mysql_dir.name]
        subprocess.run(command, check=True, capture_output=True)
        draft.chmod(0o600)
        draft.replace(image)


def restore(layout: Layout, clouds: Iterable[CloudSpec]) -> bool:
    """Unpack the image for these clouds; False if there is none."""
    image = image_file(clouds)
    if not image.exists():
        return False
    layout.ram_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    subprocess.run(["tar", "--zstd", "-xf", image, "-C", layout.ram_dir], check=True, capture_output=True)
    return True
