"""Environments that can be built and razed in memory: what stands of each, its settings and contents; used by the tests of duplicates and by the bench."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.environment import CloudAccess
from pumphouse.domain.errors import (
    CloudFaultError,
    ConflictError,
    DeployerError,
    InvalidInputError,
    NotFoundError,
)
from pumphouse.domain.settings import EnvironmentSpec, Setting
from pumphouse.ports.clock import Clock
from pumphouse.ports.deployer import Progress
from pumphouse.ports.settings import Furnisher, SettingsReader
from tests.fakes.cloud import FakeCloud
from tests.fakes.deployer import FakeDeployer

PIECES: Final = ("database", "port", "process", "entry")
SETTABLE: Final[Mapping[str, str]] = {
    "network.tenant_types": "a list of geneve and vlan",
    "network.segmentation.vlan.ranges": "ranges",
    "network.mtu": "bytes",
    "storage.cinder.backends": "backends",
    "storage.cinder.default_type": "a name",
    "compute.cpu_allocation_ratio": "a number",
    "quota.nova.cores": "a number",
}
OWN: Final[Mapping[str, Any]] = {
    "network.tenant_types": ["geneve"],
    "network.segmentation.vlan.ranges": [],
    "network.mtu": 1500,
    "storage.cinder.backends": [{"name": "lvm", "type": "iscsi"}],
    "storage.cinder.default_type": "lvm",
    "compute.cpu_allocation_ratio": 4.0,
    "quota.nova.cores": 20,
    "quota.nova.ram": 51200,
    "network.extensions": ["agent", "router"],
}
"""What a new environment has when nobody says otherwise."""
OLD: Final[Mapping[str, Any]] = {
    **OWN,
    "network.tenant_types": ["vlan"],
    "network.segmentation.vlan.ranges": [{"physical_network": "physnet1", "minimum": 100, "maximum": 199}],
    "network.mtu": 9000,
    "storage.cinder.backends": [{"name": "nfs", "type": "nfs"}],
    "storage.cinder.default_type": "nfs",
    "compute.cpu_allocation_ratio": 8.0,
    "quota.nova.cores": 40,
    "quota.cinder.consistencygroups": 10,
    "network.extensions": ["agent"],
}


@dataclass
class Site:
    """One environment: its settings, its contents by kind and name, and what tenants have in it."""

    release: str
    values: dict[str, Any]
    contents: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    bytes: dict[str, bytes] = field(default_factory=dict)
    things: dict[str, list[str]] = field(default_factory=dict)
    untold: frozenset[str] = frozenset()
    endpoint: str = ""


class Sites:
    """All environments of one deployer. `between` is called at every point between two pieces; `ignored` keys are set wrongly on purpose; `silent` ones
    do not answer.
    """

    def __init__(self, clock: Clock, clouds: MutableMapping[str, FakeCloud]) -> None:
        self.clock, self.clouds = clock, clouds
        self.sites: dict[str, Site] = {}
        self.specs: dict[str, EnvironmentSpec] = {}
        self.pieces: dict[str, set[str]] = {}
        self.secrets: dict[str, int] = {}
        self.between: Callable[[str], None] = lambda where: None
        self.ignored: set[str] = set()
        self.silent: set[str] = set()
        self.fails_at: str | None = None

    def add(self, name: str, release: str = "2023.1", values: Mapping[str, Any] = OLD) -> Site:
        self.sites[name] = Site(release, dict(values), endpoint=f"http://{name}/")
        return self.sites[name]

    def site(self, name: str) -> Site:
        if name in self.silent:
            raise CloudFaultError(f"{name} does not answer")
        if name not in self.sites:
            raise CloudFaultError(f"there is no cloud {name}")
        return self.sites[name]

    def reader(self, name: str) -> "FakeReader":
        return FakeReader(self, name)

    def furnisher(self, name: str) -> "FakeFurnisher":
        return FakeFurnisher(self, name)

    def deployer(self, name: str) -> "BuildingDeployer":
        # one that is razed still has its record, and that its deployer
        return BuildingDeployer(self.clouds.get(name) or next(iter(self.clouds.values())), self)

    def standing(self) -> dict[str, set[str]]:
        """What stands of what was built; empty pieces are nothing."""
        return {name: set(pieces) for name, pieces in self.pieces.items() if pieces}


class FakeReader(SettingsReader):
    """Tells what the site has."""

    def __init__(self, sites: Sites, environment: str) -> None:
        self.environment = environment
        self._sites = sites

    @override
    def read(self) -> Sequence[Setting]:
        site, at = self._sites.site(self.environment), self._sites.clock.now()
        rows = [Setting("release.name", site.release, "nova", at)]
        rows += [
            Setting(k, None if k in site.untold else v, "api", at, known=k not in site.untold)
            for k, v in site.values.items()
        ]
        rows += [
            Setting(f"contents.{kind}s", [dict(r) for r in by_name.values()], "api", at)
            for kind, by_name in site.contents.items()
        ]
        endpoint = {"public": site.endpoint}
        return [*rows, Setting("service.compute.endpoints", endpoint, "catalog", at)]


class FakeFurnisher(Furnisher):
    """Makes rows in a site."""

    def __init__(self, sites: Sites, environment: str) -> None:
        self._sites, self._environment = sites, environment

    @property
    def _site(self) -> Site:
        return self._sites.site(self._environment)

    @override
    def contents(self, kind: str) -> Sequence[Mapping[str, Any]]:
        return [dict(row) for row in self._site.contents.get(kind, {}).values()]

    @override
    def furnish(self, kind: str, row: Mapping[str, Any]) -> str:
        there = self._site.contents.setdefault(kind, {})
        present = there.get(row["name"])
        if kind == "quota":
            there[row["name"]] = {
                "name": row["name"],
                "limits": {**(present or {}).get("limits", {}), **row["limits"]},
            }
        elif present is not None and present != dict(row):
            raise ConflictError(f"there is another {kind} {row['name']}")
        else:
            there[row["name"]] = dict(row)
        return f"id-of-{row['name']}"

    @override
    def content(self, kind: str, name: str) -> Iterator[bytes]:
        return iter([self._site.bytes[name]])

    @override
    def copy_from(self, source: Furnisher, kind: str, row: Mapping[str, Any]) -> None:
        if kind == "image" and row["name"] not in self._site.bytes:
            self._site.bytes[row["name"]] = b"".join(source.content(kind, row["name"]))

    @override
    def tenant_things(self) -> Mapping[str, Sequence[str]]:
        return {kind: list(names) for kind, names in self._site.things.items() if names}

    @override
    def clear(self, kind: str, name: str) -> None:
        self._site.contents.get(kind, {}).pop(name, None)
        self._site.bytes.pop(name, None)


class BuildingDeployer(FakeDeployer):
    """Builds piece by piece; every piece may be the last one before a crash or a failure."""

    def __init__(self, cloud: FakeCloud, sites: Sites) -> None:
        super().__init__(cloud)
        self.sites = sites

    @override
    def releases(self) -> Sequence[str]:
        return ["2023.1", "2026.2"]

    @override
    def settable(self, release: str) -> Mapping[str, str]:
        return SETTABLE if release in self.releases() else {}

    @override
    def build(self, spec: EnvironmentSpec, progress: Progress) -> CloudAccess:
        for key in spec.settings:
            if key not in SETTABLE:
                raise InvalidInputError(key, None, "cannot be set")
        self.sites.specs[spec.name] = spec
        self.sites.secrets.setdefault(spec.name, len(self.sites.secrets) + 1)
        for piece in PIECES:
            self.sites.between(f"before {piece}")
            if self.sites.fails_at == piece:
                raise DeployerError(f"{piece} could not be made", hint="make room")
            self.sites.pieces.setdefault(spec.name, set()).add(piece)
            progress(f"{piece} stands")
            self.sites.between(f"after {piece}")
        if spec.name not in self.sites.sites:
            wanted = {k: v for k, v in spec.settings.items() if k not in self.sites.ignored}
            site = self.sites.add(spec.name, spec.release, {**OWN, **wanted})
            site.contents["role"] = {"admin": {"name": "admin", "implies": ["manager"]}}
            site.contents["quota"] = {"nova": {"name": "nova", "limits": {"cores": 20}}}
            self.sites.clouds[spec.name] = FakeCloud(spec.name, self.sites.clock)  # type: ignore[arg-type]
        return CloudAccess(spec.name, "/lab/clouds.yaml")

    @override
    def raze(self, name: str, progress: Progress) -> None:
        if name not in self.sites.specs:
            return
        for piece in reversed(PIECES):
            self.sites.between(f"before {piece} goes")
            self.sites.pieces.get(name, set()).discard(piece)
            self.sites.between(f"after {piece} goes")
        for kept in (self.sites.sites, self.sites.clouds, self.sites.specs):
            kept.pop(name, None)

    @override
    def built(self, name: str) -> EnvironmentSpec | None:
        return self.sites.specs.get(name)


def found(sites: Sites, name: str, kind: str, thing: str) -> Mapping[str, Any]:
    """One row of contents, or NotFoundError."""
    try:
        return sites.sites[name].contents[kind][thing]
    except KeyError as error:
        raise NotFoundError(kind, thing) from error
