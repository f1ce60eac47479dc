"""What the core asks of one OpenStack cloud. Implemented by drivers/openstack; faked in tests/fakes/cloud.py.

Every call raises only `pumphouse.domain.errors`: CredentialsError (401, 403), NotFoundError (404), CloudRefusedError (other 4xx),
CloudFaultError (unreachable, timeout, 409 on a busy resource, 429, 5xx). Reads are retried inside the driver with back-off; writes are
not, because only the caller can look first. An expired token is renewed unseen. Lists are paged and never fetched per item.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from pumphouse.domain.environment import AccessCheck, ServiceState
from pumphouse.domain.node import Node
from pumphouse.domain.server import Migration, Port, Server, ServerGroup


class NodeReader(Protocol):
    """Looks at nodes and their servers."""

    def nodes(self, *, summary: bool = False) -> Sequence[Node]:
        """All compute nodes with service state, Placement inventories and usages, traits, aggregates and server counts by status.

        Placement tells complete inventories only per node, which costs a request each. With `summary` they are left out: `total` is then the
        whole capacity (`reserved` 0, `ratio` 1), `used`, `capacity` and `free` are right, and the number of requests does not grow with
        that of the nodes. Meant for lists.
        """
        ...

    def node(self, name: str) -> Node:
        """One node, freshly read. `maintenance` is left to our own records.

        Raises:
            NotFoundError: Nova has no compute service on that host.
        """
        ...

    def servers(self, *, node: str | None = None) -> Iterator[Server]:
        """The servers of all tenants, or those on one node, page by page."""
        ...

    def server(self, server_id: str) -> Server:
        """One server, freshly read."""
        ...

    def server_groups(self) -> Sequence[ServerGroup]:
        """The server groups of all tenants."""
        ...

    def ports(self, server_id: str) -> Sequence[Port]:
        """The Neutron ports of a server, with their binding host."""
        ...

    def migrations(self, *, node: str | None = None, server_id: str | None = None) -> Sequence[Migration]:
        """Migrations from or to a node, or of a server, newest first, finished ones included."""
        ...

    def last_failure(self, server_id: str) -> str:
        """Why Nova's newest action of a server failed, in Nova's words; "" when it did not fail, or Nova does not say."""
        ...

    def allocations(self, server_id: str) -> Mapping[str, Mapping[str, int]]:
        """What Placement holds for a consumer: provider uuid -> resource class -> amount. A migration's uuid is a consumer too."""
        ...

    def provider_consumers(self, provider_id: str) -> Sequence[str]:
        """The uuids of all consumers with an allocation on a resource provider (servers, and migrations on their source)."""
        ...

    def services(self) -> Sequence[ServiceState]:
        """Nova services, Neutron agents and Cinder services with their state."""
        ...


class NodeWriter(Protocol):
    """Changes nodes: schedule or not, and leaving the cloud for good. Each is idempotent."""

    def disable_node(self, name: str, reason: str) -> None:
        """Disable the compute service with a reason: no new server is scheduled there; those that run go on."""
        ...

    def enable_node(self, name: str) -> None:
        """Enable the compute service; its disabled reason goes with it."""
        ...

    def delete_compute_service(self, name: str) -> None:
        """Delete the compute service record, and with it its resource provider and host mapping where Nova does so.

        Raises:
            CloudFaultError: Nova refuses (409) as servers or migrations are still there.
        """
        ...

    def delete_resource_provider(self, provider_id: str) -> None:
        """Delete a provider that Nova left behind; an unknown one is no error."""
        ...

    def delete_agents(self, node: str, *, agent_ids: Sequence[str] = ()) -> Sequence[str]:
        """Delete the Neutron agents (chassis included) of a host that are no longer alive; returns the deleted ids.

        `agent_ids` are those that `services()` showed on the host while it still stood: an OVN agent that has signed off has lost its host name.
        """
        ...

    def remove_from_aggregates(self, node: str) -> Sequence[str]:
        """Take the host out of its host aggregates; returns their names. Nova does so too when the service is deleted, without telling which."""
        ...

    def add_to_aggregates(self, node: str, aggregates: Sequence[str]) -> None:
        """Put the host (back) into the named host aggregates; being in one already is no error."""
        ...


class ServerMover(Protocol):
    """Moves servers between nodes. Each call only asks; callers poll `server`, `migrations`, `ports` and `allocations` for the outcome."""

    def live_migrate(self, server_id: str, target: str | None) -> None:
        """Start a live migration, to `target` (checked by the scheduler, never forced) or where the scheduler says; block migration is automatic."""
        ...

    def abort_live_migration(self, server_id: str, migration_id: str) -> None:
        """Abort a running live migration; one that has ended meanwhile is no error."""
        ...

    def cold_migrate(self, server_id: str, target: str | None) -> None:
        """Start a cold migration; the server ends in VERIFY_RESIZE and must be confirmed or reverted."""
        ...

    def confirm_migration(self, server_id: str) -> None:
        """Confirm a cold migration."""
        ...

    def revert_migration(self, server_id: str) -> None:
        """Revert a cold migration: the server goes back to its source."""
        ...

    def pause(self, server_id: str) -> None: ...

    def unpause(self, server_id: str) -> None: ...

    def start(self, server_id: str) -> None: ...

    def stop(self, server_id: str) -> None: ...

    def suspend(self, server_id: str) -> None: ...

    def resume(self, server_id: str) -> None: ...

    def reset_state(self, server_id: str, *, active: bool) -> None:
        """Admin's os-resetState."""
        ...


class TestServers(Protocol):
    """A throw-away server that proves that a node works."""

    def boot_test_server(self, name: str, node: str) -> str:
        """Boot a smallest server without network on exactly that node (also when it is disabled), making image and flavor named after
        `name` when there are none; returns its id. A server of that name that exists already is returned.
        """
        ...

    def delete_test_server(self, name: str) -> None:
        """Delete that server and whatever `boot_test_server` made beside it; nothing there is no error."""
        ...


class Discovery(Protocol):
    """Looks at the cloud as a whole."""

    def check(self) -> Sequence[AccessCheck]:
        """Try our credentials against every service of the catalog; never raises for a single service."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """JSON-safe discovery: release, services with microversions, regions, hypervisors, aggregates, zones, network types,
        storage backends, quota defaults, flavors. Keys are documented in docs/environments.md.
        """
        ...


class Cloud(NodeReader, NodeWriter, ServerMover, TestServers, Discovery, Protocol):
    """One cloud. Safe for use by many threads."""

    environment: str

    def close(self) -> None:
        """Give back connections."""
        ...
