"""Looks at a cloud as a whole: what our credentials may do, and the facts that plans and people want to know; cloud.py calls it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from pumphouse.domain.environment import AccessCheck, ServiceState
from pumphouse.domain.errors import CloudRefusedError, NotFoundError, PumphouseError
from pumphouse.drivers.openstack import endpoints, fact_rows
from pumphouse.drivers.openstack.networks import Networks
from pumphouse.drivers.openstack.nodes import Nodes
from pumphouse.drivers.openstack.releases import release_of
from pumphouse.drivers.openstack.transport import Rows, Transport
from pumphouse.ports.clock import Clock

_PROBES: Final[Mapping[str, tuple[str, str]]] = {
    # a small admin-only read each, so that `ok` means: we can work with it
    "identity": ("/projects?limit=1", ""),
    "compute": ("/os-services", "2.53"),
    "placement": ("/resource_providers", "1.39"),
    "network": ("/agents?limit=1", ""),
    "image": ("/images?limit=1", ""),
    "block-storage": ("/os-services", "3.0"),
}
_ALIASES: Final = {
    "volumev3": "block-storage",
    "volumev2": "block-storage",
    "block-store": "block-storage",
    "volume": "block-storage",
}
_QUOTAS: Final[Mapping[str, str]] = {
    "compute": "/os-quota-class-sets/default",
    "block-storage": "/os-quota-class-sets/default",
    "network": "/quotas/{project}/default",
}


class Discovery:
    """Facts of one cloud."""

    def __init__(self, transport: Transport, nodes: Nodes, networks: Networks, clock: Clock) -> None:
        self._http = transport
        self._nodes = nodes
        self._networks = networks
        self._clock = clock

    # -- access

    def check(self) -> list[AccessCheck]:
        """One small admin-only read per service of the catalog, all at once; those that we do not use are only named."""
        began = self._clock.monotonic()
        try:
            listed = {_official(entry) for entry in self._http.catalog()}
        except PumphouseError as error:
            url = str(self._http.settings.auth.get("auth_url", ""))
            return [
                AccessCheck(
                    "identity",
                    url,
                    ok=False,
                    detail=error.message,
                    hint=error.hint,
                    seconds=self._since(began),
                )
            ]
        # what we need is tried also when the catalog lacks it: that is an answer too
        return self._http.gather(
            [self._prober(service) for service in sorted(listed & set(_PROBES) | _needed())]
        )

    def _prober(self, service: str) -> Callable[[], AccessCheck]:
        return lambda: self._probe(service)

    def _probe(self, service: str) -> AccessCheck:
        began = self._clock.monotonic()
        path, microversion = _PROBES[service]
        url = ""
        try:
            endpoint = self._http.endpoint(service)
            url = endpoint.url
            self._http.get(service, path, microversion=microversion)
        except PumphouseError as error:
            return AccessCheck(
                service, url, ok=False, detail=error.message, hint=error.hint, seconds=self._since(began)
            )
        spoken = (
            f"microversions {endpoint.minimum} to {endpoint.maximum}"
            if endpoint.maximum
            else f"version {endpoint.version}"
        )
        return AccessCheck(service, url, ok=True, detail=f"answers, {spoken}", seconds=self._since(began))

    def _since(self, began: float) -> float:
        return round(self._clock.monotonic() - began, 3)

    # -- facts

    def facts(self) -> dict[str, Any]:
        """JSON-safe; its keys are documented in docs/environments.md. Optional services that are missing or fail leave `errors` and empty lists."""
        catalog = self._http.catalog()
        errors: dict[str, str] = {}
        readers: dict[str, Callable[[], Any]] = {
            "regions": lambda: [row["id"] for row in self._http.get("identity", "/regions")["regions"]],
            "services": lambda: self._services(catalog),
            "hypervisors": lambda: [fact_rows.hypervisor(row) for row in self._nodes.hypervisors()],
            "aggregates": lambda: [fact_rows.aggregate(row) for row in self._nodes.aggregates()],
            "zones": self._zones,
            "networks": lambda: [
                fact_rows.network(row) for row in self._http.rows("network", "/networks", "networks")
            ],
            "network_extensions": lambda: sorted(
                row["alias"] for row in self._list("network", "/extensions", "extensions")
            ),
            "storage_backends": lambda: [
                fact_rows.pool(row)
                for row in self._list("block-storage", "/scheduler-stats/get_pools?detail=true", "pools")
            ],
            "volume_types": lambda: [
                fact_rows.volume_type(row)
                for row in self._http.rows(
                    "block-storage", "/types", "volume_types", params={"is_public": "None"}
                )
            ],
            "quota_defaults": self._quotas,
            "flavors": lambda: [
                fact_rows.flavor(row)
                for row in self._http.rows(
                    "compute", "/flavors/detail", "flavors", params={"is_public": "None"}, microversion="2.61"
                )
            ],
            "service_states": self.services,
        }
        found = dict(
            zip(
                readers,
                self._http.gather([_kept(name, read, errors) for name, read in readers.items()]),
                strict=True,
            )
        )
        states: Iterable[ServiceState] = found.pop("service_states")
        nova = self._http.endpoint("compute").maximum
        release, candidates = release_of(nova, found["network_extensions"])
        return {
            "release": release,
            "release_candidates": list(candidates),
            **found,
            "network_types": sorted({row["type"] for row in found["networks"] if row["type"]}),
            "physical_networks": sorted(
                {row["physical_network"] for row in found["networks"] if row["physical_network"]}
            ),
            "agents": fact_rows.count_states(states),
            "counts": {
                name: len(found[name])
                for name in ("hypervisors", "aggregates", "networks", "flavors", "volume_types")
            },
            "errors": errors,
        }

    def services(self) -> list[ServiceState]:
        """Nova's services, Neutron's agents and Cinder's services; a cloud without Cinder has none of those."""
        calls: Sequence[Callable[[], list[ServiceState]]] = [
            lambda: self._nodes.services(binary=None),
            self._networks.agents,
            self._volume_services,
        ]
        return [state for states in self._http.gather(calls) for state in states]

    def _volume_services(self) -> list[ServiceState]:
        if not any(_official(entry) == "block-storage" for entry in self._http.catalog()):
            return []
        return [
            fact_rows.volume_service(row)
            for row in self._http.get("block-storage", "/os-services", microversion="3.7")["services"]
        ]

    def _services(self, catalog: Rows) -> list[dict[str, Any]]:
        settings = self._http.settings
        found = []
        for entry in sorted(catalog, key=lambda each: str(each["type"])):
            urls = {
                each["interface"]: each["url"]
                for each in entry["endpoints"]
                if settings.region in (None, each.get("region_id"), each.get("region"))
            }
            service = _official(entry)
            spoken = self._spoken(service) if service in endpoints.SERVICES else None
            found.append(
                {
                    "type": entry["type"],
                    "name": entry.get("name", ""),
                    "endpoints": urls,
                    "version": spoken.version if spoken else "",
                    "min_microversion": spoken.minimum if spoken else "",
                    "max_microversion": spoken.maximum if spoken else "",
                }
            )
        return found

    def _spoken(self, service: str) -> endpoints.Endpoint | None:
        try:
            return self._http.endpoint(service)
        except PumphouseError:
            return None

    def _list(self, service: str, path: str, key: str) -> Rows:
        rows: Rows = self._http.get(service, path)[key]
        return rows

    def _zones(self) -> list[dict[str, Any]]:
        rows = self._http.get("compute", "/os-availability-zone", microversion="2.1")["availabilityZoneInfo"]
        return [{"name": row["zoneName"], "available": bool(row["zoneState"]["available"])} for row in rows]

    def _quotas(self) -> dict[str, dict[str, int]]:
        found = {}
        for service, path in _QUOTAS.items():
            try:
                body = self._http.get(
                    service,
                    path.format(project=self._http.project_id()),
                    microversion="2.57" if service == "compute" else "",
                )
            except (NotFoundError, CloudRefusedError):
                continue
            limits = next(iter(body.values()))
            found[service] = {name: value for name, value in limits.items() if isinstance(value, int)}
        return found


def _official(entry: Mapping[str, Any]) -> str:
    name = str(entry["type"])
    return _ALIASES.get(name, name)


def _needed() -> set[str]:
    return {"identity", "compute", "placement", "network", "image"}


def _kept(name: str, read: Callable[[], Any], errors: dict[str, str]) -> Callable[[], Any]:
    """A reader whose failure is a fact as well, except for wrong credentials and a dead cloud, which everything else would repeat."""

    def kept() -> Any:
        try:
            return read()
        except PumphouseError as error:
            if name in {"services", "hypervisors"}:
                raise
            errors[name] = error.message
            return {} if name == "quota_defaults" else []

    return kept
