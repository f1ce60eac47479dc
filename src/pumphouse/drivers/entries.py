"""Finds entries of clouds.yaml files and opens clouds from them: by reference, or from a copy sealed into the environment. Made by `main`."""

import threading
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
from pumphouse.ports.resources import Resources
from pumphouse.ports.secrets import Secrets
from pumphouse.ports.settings import Furnisher, SettingsReader
from pumphouse.ports.workbench import Workbench

if TYPE_CHECKING:
    from pumphouse.drivers.openstack.access import CloudSettings
    from pumphouse.drivers.openstack.identity import Identity
    from pumphouse.drivers.openstack.transport import Transport


UNSAID_READ_S = 60.0
"""What an entry without api_timeout is read with."""

TRANSFER_READ_S = 600.0
"""At least this long may a service be silent while bytes go by: a store that has got the last piece of a large image has still to finish it."""


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
        self._lock = threading.Lock()
        self._identities: dict[str, tuple[CloudSettings, Identity]] = {}

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

        return OpenStackCloud(*self._door(environment))

    def open_workbench(self, environment: Environment) -> Workbench:
        """Where health checks make things in it."""
        from pumphouse.drivers.openstack.workbench import OpenStackWorkbench

        return OpenStackWorkbench(*self._door(environment))

    def open_tenants(self, environment: Environment) -> Tenants:
        """Its tenants and their people."""
        from pumphouse.drivers.openstack.tenants import OpenStackTenants

        return OpenStackTenants(*self._door(environment))

    def open_prober(self, environment: Environment) -> Prober:
        """Who acts as a member of a tenant in it."""
        from pumphouse.drivers.openstack.prober import OpenStackProber

        return OpenStackProber(*self._door(environment))

    def open_settings(self, environment: Environment) -> SettingsReader:
        """Who reads how it is built."""
        from pumphouse.drivers.openstack.settings import OpenStackSettings

        return OpenStackSettings(*self._door(environment))

    def open_furnisher(self, environment: Environment) -> Furnisher:
        """Who reads and makes the contents that belong to it."""
        from pumphouse.drivers.openstack.furnishing import OpenStackFurnisher

        return OpenStackFurnisher(*self._door(environment))

    def open_resources(self, environment: Environment) -> Resources:
        """Who reads, makes and removes what tenants have in it."""
        from pumphouse.drivers.openstack.resources.resources import OpenStackResources

        return OpenStackResources(*self._door(environment))

    def open_transport(self, environment: Environment) -> "Transport":
        """Requests to it, for the transfer of bytes."""
        from pumphouse.drivers.openstack.transport import Transport

        settings = self._limited(environment)
        patient = replace(settings, read_s=max(settings.read_s, TRANSFER_READ_S))
        return Transport(environment.name, patient, self._clock, self._identity(environment.name, settings))

    def _door(self, environment: Environment) -> "tuple[str, CloudSettings, Clock, Identity]":
        """What every driver of a cloud is made of."""
        settings = self._limited(environment)
        return environment.name, settings, self._clock, self._identity(environment.name, settings)

    def _identity(self, environment: str, settings: "CloudSettings") -> "Identity":
        """One login for all drivers of a cloud, as long as its access stays the same."""
        from pumphouse.drivers.openstack.identity import Identity

        with self._lock:
            known = self._identities.get(environment)
            if known is None or known[0] != settings:
                known = self._identities[environment] = (settings, Identity(environment, settings))
            return known[1]

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
