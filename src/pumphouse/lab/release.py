"""A release is data: the folder `releases/<name>` says what to install and how each service is launched.

Read by the installer (`venvs`), the configuration writer and the process table (`services`).
"""

import hashlib
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pumphouse.lab.errors import LabConfigurationError

HERE = Path(__file__).parent
RELEASES = HERE / "releases"
GUEST = HERE / "guest"

Launch = Literal["uwsgi", "fork", "command"]


@dataclass(frozen=True, slots=True)
class ServiceLaunch:
    """How one service of a release is started.

    `launch` is `uwsgi` (`target` = `module:callable`; the module may lie in the release's folder), `fork` (`target` = the module whose
    `main` is called in a process forked from the preloaded `parent`), or `command` (`target` = a console script).
    """

    name: str
    launch: Launch
    target: str
    parent: str = ""
    arguments: tuple[str, ...] = ()
    python_arguments: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """One OpenStack release that the lab can run."""

    name: str
    title: str
    python: tuple[str, ...]
    exclude_newer: str
    exclude_newer_package: dict[str, str]
    services: dict[str, ServiceLaunch]
    preload: dict[str, tuple[str, ...]]
    settings: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return RELEASES / self.name

    @property
    def lock_file(self) -> Path:
        return self.folder / "requirements.lock"

    @property
    def key(self) -> str:
        """Changes whenever an installation made earlier would no longer be right."""
        return hashlib.sha256(self.lock_file.read_bytes()).hexdigest()[:12]


def known_releases() -> list[str]:
    """Names of the releases that the lab can run, oldest first."""
    return sorted(path.parent.name for path in RELEASES.glob("*/release.toml"))


@cache
def load_release(name: str) -> Release:
    """The release of that name.

    Raises:
        LabConfigurationError: there is no such release.
    """
    if name not in known_releases():
        raise LabConfigurationError(
            "release", name, "unknown release", hint=f"Known releases: {', '.join(known_releases())}."
        )
    table: dict[str, Any] = tomllib.loads((RELEASES / name / "release.toml").read_text())
    services = {
        service: ServiceLaunch(
            service,
            row["launch"],
            row["target"],
            row.get("parent", ""),
            tuple(row.get("arguments", ())),
            row.get("python_arguments", ""),
        )
        for service, row in table["services"].items()
    }
    return Release(
        name=name,
        title=table["title"],
        python=tuple(table["python"]),
        exclude_newer=table["exclude_newer"],
        exclude_newer_package=table.get("exclude_newer_package", {}),
        services=services,
        preload={parent: tuple(row["modules"]) for parent, row in table["preload"].items()},
        settings=table.get("settings", {}),
    )
