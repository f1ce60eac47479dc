"""Finds entries of clouds.yaml files and opens clouds from them: by reference, or from a copy sealed into the environment. Made by `main`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import InvalidInputError
from pumphouse.ports.access import CloudEntries
from pumphouse.ports.clock import Clock
from pumphouse.ports.cloud import Cloud
from pumphouse.ports.identity import Tenants
from pumphouse.ports.probes import Prober
from pumphouse.ports.secrets import Secrets
from pumphouse.ports.settings import Furnisher, SettingsReader
from pumphouse.ports.workbench import Workbench

if TYPE_CHECKING:
    from pumphouse.drivers.openstack.access import CloudSettings


UNSAID_READ_S = 60.0
"""What an entry without api_timeout is read with."""


@dataclass(frozen=True, slots=True)
class CloudLimits:
    """Requests in flight to one cloud, and seconds for a connection and an answer; an entry's own api_timeout comes first."""

    concurrency: int = 8
    connect_s: float = 5.0
    read_s: float = 60.0


class ClientConfigEntries(CloudEntries):
    """`places` are the files that are searched, in order, when none is named; those that do not exist are passed over."""

    def __init__(
        self, *, places: Sequence[Path], secrets: Secrets, clock: Clock, limits: CloudLimits
    ) -> None:
        self._places = places
        self._secrets = secrets
        self._clock = clock
        self._limits = limits

    @override
    def find(self, cloud: str, config_file: str | None) -> CloudAccess:
        from pumphouse.drivers.openstack.access import load_entry

        if config_file is not None:
            path = Path(config_file).expanduser().absolute()
            load_entry(cloud, str(path))
            return CloudAccess(cloud=cloud, config_file=str(path))
        known: list[str] = []
        for place in self._places:
            entries = _entries(place)
            if cloud in entries:
                load_entry(cloud, str(place.absolute()))
                return CloudAccess(cloud=cloud, config_file=str(place.absolute()))
            known += [f"{entry} in {place}" for entry in entries]
        searched = ", ".join(str(place) for place in self._places)
        raise InvalidInputError(
            "cloud",
            cloud,
            "no clouds.yaml has such an entry",
            hint=f"known: {'; '.join(known)}"
            if known
            else f"searched {searched}; name another file with --config",
        )

    @override
    def seal(self, access: CloudAccess) -> CloudAccess:
        return replace(access, config_file=None, sealed=self._secrets.seal(self._settings(access).to_json()))

    @override
    def seal_variables(self, name: str, variables: Mapping[str, str]) -> CloudAccess:
        from pumphouse.drivers.openstack.variables import settings_from

        settings = settings_from(name, variables)
        return CloudAccess(cloud=name, sealed=self._secrets.seal(settings.to_json()))

    def open(self, environment: Environment) -> Cloud:
        """The cloud of an environment."""
        from pumphouse.drivers.openstack.cloud import OpenStackCloud

        return OpenStackCloud(environment.name, self._limited(environment), self._clock)

    def open_workbench(self, environment: Environment) -> Workbench:
        """Where health checks make things in it."""
        from pumphouse.drivers.openstack.workbench import OpenStackWorkbench

        return OpenStackWorkbench(environment.name, self._limited(environment), self._clock)

    def open_tenants(self, environment: Environment) -> Tenants:
        """Its tenants and their people."""
        from pumphouse.drivers.openstack.tenants import OpenStackTenants

        return OpenStackTenants(environment.name, self._limited(environment), self._clock)

    def open_prober(self, environment: Environment) -> Prober:
        """Who acts as a member of a tenant in it."""
        from pumphouse.drivers.openstack.prober import OpenStackProber

        return OpenStackProber(environment.name, self._limited(environment), self._clock)

    def open_settings(self, environment: Environment) -> SettingsReader:
        """Who reads how it is built."""
        from pumphouse.drivers.openstack.settings import OpenStackSettings

        return OpenStackSettings(environment.name, self._limited(environment), self._clock)

    def open_furnisher(self, environment: Environment) -> Furnisher:
        """Who reads and makes the contents that belong to it."""
        from pumphouse.drivers.openstack.furnishing import OpenStackFurnisher

        return OpenStackFurnisher(environment.name, self._limited(environment), self._clock)

    def _limited(self, environment: Environment) -> "CloudSettings":
        settings = self._settings(environment.access)
        return replace(
            settings,
            concurrency=self._limits.concurrency,
            connect_s=self._limits.connect_s,
            read_s=self._limits.read_s if settings.read_s == UNSAID_READ_S else settings.read_s,
        )

    def _settings(self, access: CloudAccess) -> "CloudSettings":
        from pumphouse.drivers.openstack.access import CloudSettings, load_entry

        if access.sealed is not None:
            return CloudSettings.from_json(self._secrets.unseal(access.sealed))
        return load_entry(access.cloud, access.config_file)


def usual_places(state_dir: Path, lab_dir: Path) -> list[Path]:
    """Where clouds.yaml is looked for, as OpenStack's own tools do, and then in the lab."""
    import os

    named = os.environ.get("OS_CLIENT_CONFIG_FILE")
    places = [
        *([Path(named)] if named else []),
        Path("clouds.yaml"),
        Path.home() / ".config/openstack/clouds.yaml",
        Path("/etc/openstack/clouds.yaml"),
        lab_dir / "clouds.yaml",
        state_dir / "lab/clouds.yaml",
    ]
    return list(dict.fromkeys(place.expanduser().absolute() for place in places))


def _entries(place: Path) -> list[str]:
    """The names of the entries of a file; none when it is missing.

    Raises:
        InvalidInputError: it is there but cannot be read.
    """
    import yaml

    try:
        content = yaml.safe_load(place.read_text())
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInputError(
            "config file",
            str(place),
            f"it cannot be read ({type(error).__name__})",
            hint="correct it, or name another with --config",
        ) from error
    clouds = content.get("clouds") if isinstance(content, dict) else None
    return sorted(str(name) for name in clouds) if isinstance(clouds, dict) else []
