"""`ports.cloud.Cloud` on a real OpenStack cloud, from 2023.1 to 2026.2: the one class that `main` makes. It only forwards to the rooms beside it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from typing_extensions import override

from pumphouse.domain.environment import AccessCheck, ServiceState
from pumphouse.domain.node import Node
from pumphouse.domain.server import Migration, Port, Server, ServerGroup
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.discovery import Discovery
from pumphouse.drivers.openstack.identity import Identity
from pumphouse.drivers.openstack.moves import Moves
from pumphouse.drivers.openstack.networks import Networks
from pumphouse.drivers.openstack.node_changes import NodeChanges
from pumphouse.drivers.openstack.nodes import Nodes
from pumphouse.drivers.openstack.placement import Placement
from pumphouse.drivers.openstack.servers import Servers
from pumphouse.drivers.openstack.test_servers import TestServers
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.ports.clock import Clock
from pumphouse.ports.cloud import Cloud


class OpenStackCloud(Cloud):
    """One cloud. Nothing is asked of it before the first call, so that an unreachable cloud can be made and then checked."""

    def __init__(
        self, environment: str, settings: CloudSettings, clock: Clock, identity: Identity | None = None
    ) -> None:
        self.environment = environment
        self._http = Transport(environment, settings, clock, identity)
        self._servers = Servers(self._http)
        self._placement = Placement(self._http)
        self._networks = Networks(self._http)
        self._nodes = Nodes(self._http, self._servers, self._placement)
        self._changes = NodeChanges(self._http, self._nodes)
        self._moves = Moves(self._http, self._servers)
        self._tests = TestServers(self._http, self._nodes, self._placement, clock)
        self._discovery = Discovery(self._http, self._nodes, self._networks, clock)

    @override
    def close(self) -> None:
        self._http.close()

    # -- NodeReader

    @override
    def nodes(self, *, summary: bool = False) -> Sequence[Node]:
        return self._nodes.all(summary=summary)

    @override
    def node(self, name: str) -> Node:
        return self._nodes.one(name)

    @override
    def servers(self, *, node: str | None = None) -> Iterator[Server]:
        return self._servers.each(node)

    @override
    def server(self, server_id: str) -> Server:
        return self._servers.one(server_id)

    @override
    def server_groups(self) -> Sequence[ServerGroup]:
        return self._servers.groups()

    @override
    def ports(self, server_id: str) -> Sequence[Port]:
        return self._networks.ports(server_id)

    @override
    def migrations(self, *, node: str | None = None, server_id: str | None = None) -> Sequence[Migration]:
        return self._servers.migrations(node=node, server_id=server_id)

    @override
    def last_failure(self, server_id: str) -> str:
        return self._servers.last_failure(server_id)

    @override
    def allocations(self, server_id: str) -> Mapping[str, Mapping[str, int]]:
        return self._placement.allocations(server_id)

    @override
    def provider_consumers(self, provider_id: str) -> Sequence[str]:
        return self._placement.consumers(provider_id)

    @override
    def services(self) -> Sequence[ServiceState]:
        return self._discovery.services()

    # -- NodeWriter

    @override
    def disable_node(self, name: str, reason: str) -> None:
        self._changes.disable(name, reason)

    @override
    def enable_node(self, name: str) -> None:
        self._changes.enable(name)

    @override
    def delete_compute_service(self, name: str) -> None:
        self._changes.delete_service(name)

    @override
    def delete_resource_provider(self, provider_id: str) -> None:
        self._placement.delete_provider(provider_id)

    @override
    def delete_agents(self, node: str, *, agent_ids: Sequence[str] = ()) -> Sequence[str]:
        return self._networks.delete_agents(node, agent_ids)

    @override
    def remove_from_aggregates(self, node: str) -> Sequence[str]:
        return self._changes.leave_aggregates(node)

    @override
    def add_to_aggregates(self, node: str, aggregates: Sequence[str]) -> None:
        self._changes.join_aggregates(node, aggregates)

    # -- ServerMover

    @override
    def live_migrate(self, server_id: str, target: str | None) -> None:
        self._moves.live_migrate(server_id, target)

    @override
    def abort_live_migration(self, server_id: str, migration_id: str) -> None:
        self._moves.abort_live_migration(server_id, migration_id)

    @override
    def cold_migrate(self, server_id: str, target: str | None) -> None:
        self._moves.cold_migrate(server_id, target)

    @override
    def confirm_migration(self, server_id: str) -> None:
        self._moves.confirm_migration(server_id)

    @override
    def revert_migration(self, server_id: str) -> None:
        self._moves.revert_migration(server_id)

    @override
    def pause(self, server_id: str) -> None:
        self._moves.turn(server_id, "pause", "PAUSED")

    @override
    def unpause(self, server_id: str) -> None:
        self._moves.turn(server_id, "unpause", "ACTIVE")

    @override
    def start(self, server_id: str) -> None:
        self._moves.turn(server_id, "os-start", "ACTIVE")

    @override
    def stop(self, server_id: str) -> None:
        self._moves.turn(server_id, "os-stop", "SHUTOFF")

    @override
    def suspend(self, server_id: str) -> None:
        self._moves.turn(server_id, "suspend", "SUSPENDED")

    @override
    def resume(self, server_id: str) -> None:
        self._moves.turn(server_id, "resume", "ACTIVE")

    @override
    def reset_state(self, server_id: str, *, active: bool) -> None:
        self._moves.reset_state(server_id, active=active)

    # -- TestServers

    @override
    def boot_test_server(self, name: str, node: str) -> str:
        return self._tests.boot(name, node)

    @override
    def delete_test_server(self, name: str) -> None:
        self._tests.delete(name)

    # -- Discovery

    @override
    def check(self) -> Sequence[AccessCheck]:
        return self._discovery.check()

    @override
    def facts(self) -> Mapping[str, Any]:
        return self._discovery.facts()
