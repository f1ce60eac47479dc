"""Reads compute nodes: Nova's services and hypervisors, host aggregates, Placement's numbers and the servers' counts put together; cloud.py calls it.

The requests of `all` for N nodes and S servers: four lists of Nova and Placement (hypervisors in pages of 1,000), S/500 detailed and S/1,000
short server pages; complete inventories (`summary=False`) cost one request per node more, as Placement has no list of them.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from pumphouse.domain.environment import ServiceState
from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.node import Node
from pumphouse.drivers.openstack.placement import Placement, Provider
from pumphouse.drivers.openstack.servers import Servers
from pumphouse.drivers.openstack.transport import Rows, Transport

SERVICE_VERSION: Final = "2.69"
"""2.53 uuids; 2.69 tells of services in cells that are down instead of leaving them out."""
HYPERVISOR_VERSION: Final = "2.87"
"""2.53 uuids; from 2.88 on Nova leaves out the CPU and asks each host for its uptime."""
_NOTHING: Final = Provider({}, frozenset())


class Nodes:
    """Reads compute nodes. Ironic's nodes are not hosts of servers that could be moved, and are left out."""

    def __init__(self, transport: Transport, servers: Servers, placement: Placement) -> None:
        self._http = transport
        self._servers = servers
        self._placement = placement

    def all(self, *, summary: bool) -> list[Node]:
        """All nodes, by name. With `summary` an inventory has only its whole capacity and its use: `total` is what may be allocated in all."""
        # the long list is led from a thread of its own; all requests are sent from the pool
        with ThreadPoolExecutor(1) as leader:
            counting = leader.submit(self._servers.counts)
            calls: Sequence[Callable[[], Any]] = [
                self.services,
                self.hypervisors,
                self.aggregates,
                self._placement.provider_ids,
                self._placement.summaries,
            ]
            services, hypervisors, aggregates, known, summaries = self._http.gather(calls)
            by_host = _by_host(hypervisors)
            wanted = {str(row["id"]) for row in by_host.values()} & known
            providers = self._providers(wanted, summaries, summary=summary)
            counts = counting.result()
        joined = _aggregates_of(aggregates)
        nodes = [
            _node(self._http.environment, service, by_host.get(service.host), providers, joined, counts)
            for service in services
            if service.host in by_host or not _is_ironic(service.host, hypervisors)
        ]
        return sorted(nodes, key=lambda node: node.name)

    def one(self, name: str) -> Node:
        """One node with complete inventories.

        Raises:
            NotFoundError: Nova has no compute service on that host.
        """
        services = self.services(name)
        if not services:
            raise NotFoundError(
                "node", f"{self._http.environment}/{name}", hint="`pumphouse node list` shows all nodes"
            )
        calls: Sequence[Callable[[], Any]] = [lambda: self._hypervisor(name), self.aggregates]
        hypervisor, aggregates = self._http.gather(calls)
        counts = self._servers.counts(name)
        providers = {hypervisor["id"]: self._placement.provider(hypervisor["id"])} if hypervisor else {}
        node = _node(
            self._http.environment, services[0], hypervisor, providers, _aggregates_of(aggregates), counts
        )
        if not node.inventory and not node.traits:
            return replace(node, provider_id="")
        return node

    def services(self, host: str | None = None, *, binary: str | None = "nova-compute") -> list[ServiceState]:
        """Nova's services, of one host or all. This list has no pages."""
        params = {name: value for name, value in (("binary", binary), ("host", host)) if value}
        rows = self._http.get("compute", "/os-services", params=params, microversion=SERVICE_VERSION)[
            "services"
        ]
        return [_to_service(row) for row in rows]

    def hypervisors(self) -> Rows:
        """All hypervisors as Nova's rows, without the CPU's long list of features."""
        found: Rows = []
        for page in self._http.pages(
            "compute", "/os-hypervisors/detail", "hypervisors", microversion=HYPERVISOR_VERSION
        ):
            found += [_slim(row) for row in page]
        return found

    def aggregates(self) -> Rows:
        """Host aggregates as Nova's rows. This list has no pages."""
        return cast("Rows", self._http.get("compute", "/os-aggregates", microversion="2.41")["aggregates"])

    def _hypervisor(self, name: str) -> dict[str, Any] | None:
        """The hypervisor of a host. Nova filters by a part of the hypervisor's name, which mostly holds the host's; otherwise all are read."""
        params = {"hypervisor_hostname_pattern": name}
        try:
            body = self._http.get(
                "compute", "/os-hypervisors/detail", params=params, microversion=HYPERVISOR_VERSION
            )
            rows = [_slim(row) for row in body["hypervisors"]]
        except NotFoundError:  # Nova answers 404 when none fits
            rows = []
        return _by_host(rows).get(name) or _by_host(self.hypervisors()).get(name)

    def _providers(
        self, wanted: set[str], summaries: Mapping[str, Provider], *, summary: bool
    ) -> dict[str, Provider]:
        found = {uuid: summaries[uuid] for uuid in wanted if uuid in summaries}
        # full nodes are not among the candidates
        full = sorted(wanted - found.keys())
        asked = dict(
            zip(
                full,
                self._http.gather([partial(self._placement.provider, uuid) for uuid in full]),
                strict=True,
            )
        )
        if summary:
            return found | {uuid: provider.summary() for uuid, provider in asked.items()}
        complete = self._http.gather([partial(self._complete, uuid, short) for uuid, short in found.items()])
        return asked | dict(zip(found, complete, strict=True))

    def _complete(self, uuid: str, summary: Provider) -> Provider:
        used = {name: held.used for name, held in summary.inventory.items()}
        return Provider(self._placement.inventory(uuid, used), summary.traits)


def _node(
    environment: str,
    service: ServiceState,
    hypervisor: Mapping[str, Any] | None,
    providers: Mapping[str, Provider],
    aggregates: Mapping[str, dict[str, dict[str, str]]],
    counts: Mapping[str, Mapping[str, int]],
) -> Node:
    row = hypervisor or {}
    uuid = str(row.get("id", ""))
    provider = providers.get(uuid, _NOTHING)
    joined = aggregates.get(service.host, {})
    return Node(
        id=uuid,
        name=service.host,
        environment=environment,
        service_id=service.id,
        enabled=service.enabled,
        up=service.up,
        disabled_reason=service.reason,
        zone=service.zone,
        hypervisor=str(row.get("hypervisor_hostname", "")),
        hypervisor_type=str(row.get("hypervisor_type", "")),
        provider_id=uuid if uuid in providers else "",
        inventory=provider.inventory,
        traits=provider.traits,
        aggregates=tuple(sorted(joined)),
        aggregate_metadata={name: metadata for name, metadata in joined.items() if metadata},
        servers=counts.get(service.host, {}),
    )


def _to_service(row: Mapping[str, Any]) -> ServiceState:
    return ServiceState(
        id=str(row.get("id", "")),
        kind="compute",
        binary=row["binary"],
        host=row["host"],
        zone=row.get("zone") or "",
        enabled=row.get("status") == "enabled",
        up=row.get("state") == "up",
        reason=row.get("disabled_reason") or "",
        updated_at=row.get("updated_at") or "",
    )


def _slim(row: dict[str, Any]) -> dict[str, Any]:
    cpu = row.get("cpu_info") or {}
    if isinstance(cpu, dict):
        row["cpu_info"] = {name: cpu[name] for name in ("arch", "vendor", "model") if name in cpu}
    row.pop("servers", None)
    return row


def _by_host(hypervisors: Rows) -> dict[str, dict[str, Any]]:
    return {row["service"]["host"]: row for row in hypervisors if row.get("hypervisor_type") != "ironic"}


def _is_ironic(host: str, hypervisors: Rows) -> bool:
    return any(
        row["service"]["host"] == host and row.get("hypervisor_type") == "ironic" for row in hypervisors
    )


def _aggregates_of(rows: Rows) -> dict[str, dict[str, dict[str, str]]]:
    """For each host its aggregates with their metadata."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows:
        metadata = {str(key): str(value) for key, value in (row.get("metadata") or {}).items()}
        for host in row.get("hosts") or ():
            found.setdefault(host, {})[row["name"]] = metadata
    return found
