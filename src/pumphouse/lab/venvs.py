"""Installs a release into its own environment, once per machine user. Called by `bringup` before anything starts."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from uv import find_uv_bin

from pumphouse.lab.errors import LabCommandError
from pumphouse.lab.layout import cache_dir
from pumphouse.lab.locks import Lock
from pumphouse.lab.release import Release

COMPLETE = ".complete"


def environment_dir(release: Release) -> Path:
    """Where the environment of a release stands, or will stand."""
    return cache_dir() / "releases" / f"{release.name}-{release.key}"


def is_installed(release: Release) -> bool:
    return (environment_dir(release) / COMPLETE).exists()


def has_python(release: Release) -> bool:
    """Whether an interpreter that the release runs on is here; none is ever downloaded."""
    command = [find_uv_bin(), "python", "find", "--no-python-downloads", release.python[0]]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def install(release: Release, say: Callable[[str], None]) -> Path:
    """The environment of `release`, installed from its lock file now if it is not there yet.

    It is made in place because console scripts hold their path; the marker file makes it count. Two labs that
    install at once are kept apart by a lock.

    Raises:
        LabCommandError: the installation failed.
    """
    place = environment_dir(release)
    if is_installed(release):
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with Lock(place.with_name(f".{place.name}.lock")) as lock:
        if is_installed(release):
            return place
        shutil.rmtree(place, ignore_errors=True)
        say(f"installing OpenStack {release.name}")
        _uv(lock, "venv", "--quiet", "--no-python-downloads", "--python", release.python[0], str(place))
        recent = [f"--exclude-newer-package={n}={d}" for n, d in release.exclude_newer_package.items()]
        # exclude-newer matters here too: it pins what the source distributions are built with.
        _uv(
            lock, "pip", "install", "--quiet", "--python", str(place / "bin/python"), "--require-hashes",
            "--compile-bytecode", f"--exclude-newer={release.exclude_newer}", *recent, "-r", str(release.lock_file),
        )  # fmt: skip
        (place / COMPLETE).touch()
    return place


def _uv(lock: Lock, *arguments: str) -> None:
    """Run uv; it holds the lock too, so that what a killed `lab up` left running is waited for."""
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [find_uv_bin(), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            pass_fds=(lock.handle,),
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            output.seek(0)
            tail = "\n".join(output.read().splitlines()[-15:])
            raise LabCommandError(
                f"uv {arguments[0]} failed:\n{tail}",
                hint="Is the package registry reachable, and the disk not full?",
            )
