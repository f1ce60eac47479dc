"""An in-memory cloud that behaves as Nova, Placement and Neutron do for moves of servers and nodes; used by workflow, engine and API tests.

How to build it, let time pass and make it fail stands in tests/fakes/world.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pumphouse.domain.environment import AccessCheck, ServiceState
from pumphouse.domain.errors import CloudFaultError, NotFoundError
from pumphouse.domain.node import Node
from pumphouse.domain.server import Migration, Port, Server, ServerGroup
from tests.fakes.world import COLD_S, LIVE_S, TASK_S, FakeNode, World

__all__ = ["FakeCloud", "FakeNode"]


class FakeCloud(World):
    """One cloud in memory; a `ports.cloud.Cloud`."""

    # -- NodeReader

    def nodes(self, *, summary: bool = False) -> Sequence[Node]:
        with self.call("nodes"):
            return [self.see_node(n) for n in self.machines.values() if n.mapped]

    def node(self, name: str) -> Node:
        with self.call("node", name):
            machine = self.machines.get(name)
            if machine is None:
                raise NotFoundError("node", name)
            return self.see_node(machine)

    def servers(self, *, node: str | None = None) -> Iterator[Server]:
        with self.call("servers", node or ""):
            return iter([s for s in self.all_servers.values() if node is None or s.host == node])

    def server(self, server_id: str) -> Server:
        with self.call("server", server_id):
            return self.see_server(server_id)

    def server_groups(self) -> Sequence[ServerGroup]:
        with self.call("server_groups"):
            return list(self.all_groups)

    def ports(self, server_id: str) -> Sequence[Port]:
        with self.call("ports", server_id):
            return list(self.all_ports.get(server_id, []))

    def migrations(self, *, node: str | None = None, server_id: str | None = None) -> Sequence[Migration]:
        with self.call("migrations", server_id or node or ""):
            found = [m for m in self.all_migrations if server_id is None or m.server_id == server_id]
            return [m for m in reversed(found) if node is None or node in {m.source, m.target}]

    def last_failure(self, server_id: str) -> str:
        with self.call("last_failure", server_id):
            newest = next((m for m in reversed(self.all_migrations) if m.server_id == server_id), None)
            return self.reasons.get(server_id, "") if newest and newest.status == "error" else ""

    def allocations(self, server_id: str) -> Mapping[str, Mapping[str, int]]:
        with self.call("allocations", server_id):
            return dict(self.held.get(server_id, {}))

    def provider_consumers(self, provider_id: str) -> Sequence[str]:
        with self.call("provider_consumers", provider_id):
            return sorted(
                {c for c, by in self.held.items() if provider_id in by} | self.strangers[provider_id]
            )

    def services(self) -> Sequence[ServiceState]:
        with self.call("services"):
            found = [
                ServiceState(n.service_id, "compute", "nova-compute", n.name, n.zone, n.enabled, n.running)
                for n in self.machines.values()
            ]
            agents = [n for n in (*self.machines.values(), *self.orphan_agents.values()) if n.agent]
            found += [
                ServiceState(n.name, "network", "ovn-controller", n.name, "", True, n.running) for n in agents
            ]
            return found

    # -- NodeWriter

    def disable_node(self, name: str, reason: str) -> None:
        with self.call("disable_node", name, reason, writes=True):
            machine = self.machine(name)
            machine.enabled = False
            machine.reason = reason or machine.reason

    def enable_node(self, name: str) -> None:
        with self.call("enable_node", name, writes=True):
            machine = self.machine(name)
            machine.enabled, machine.reason = True, ""

    def delete_compute_service(self, name: str) -> None:
        with self.call("delete_compute_service", name, writes=True):
            machine = self.machine(name)
            busy = [s for s in self.all_servers.values() if s.host == name]
            busy += [m for m in self.all_migrations if m.running and name in {m.source, m.target}]  # type: ignore[misc]
            if busy or machine.aggregates or any(machine.provider_id in by for by in self.held.values()):
                raise CloudFaultError(f"409: {name} still has servers, migrations or aggregates")
            if machine.running:
                raise AssertionError("a compute service was deleted while its process was up")
            del self.machines[name]
            if machine.agent:
                self.orphan_agents[name] = machine

    def delete_resource_provider(self, provider_id: str) -> None:
        with self.call("delete_resource_provider", provider_id, writes=True):
            if any(provider_id in by for by in self.held.values()):
                raise CloudFaultError("409: provider has allocations")

    def delete_agents(self, node: str, *, agent_ids: Sequence[str] = ()) -> Sequence[str]:
        with self.call("delete_agents", node, writes=True):
            orphan = self.orphan_agents.pop(node, None)
            return [node] if orphan else []

    def remove_from_aggregates(self, node: str) -> Sequence[str]:
        with self.call("remove_from_aggregates", node, writes=True):
            names = sorted(self.machine(node).aggregates)
            self.machine(node).aggregates.clear()
            return names

    def add_to_aggregates(self, node: str, aggregates: Sequence[str]) -> None:
        with self.call("add_to_aggregates", node, writes=True):
            self.machine(node).aggregates |= set(aggregates)

    # -- ServerMover

    def live_migrate(self, server_id: str, target: str | None) -> None:
        with self.call("live_migrate", server_id, target or "", writes=True):
            server = self.idle_server(server_id, "ACTIVE", "PAUSED")
            self.change(server_id, task_state="migrating", status="MIGRATING")
            if self.outcomes[server_id][:1] == ["vanished"]:
                # the message to the conductor is lost: the server waits for a migration that nobody knows of
                self.outcomes[server_id].pop(0)
            else:
                self.start_move(server, "live-migration", target, LIVE_S)

    def cold_migrate(self, server_id: str, target: str | None) -> None:
        with self.call("cold_migrate", server_id, target or "", writes=True):
            server = self.idle_server(server_id, "ACTIVE", "SHUTOFF")
            self.change(server_id, task_state="resize_prep", status="RESIZE")
            self.start_move(server, "migration", target, COLD_S)

    def abort_live_migration(self, server_id: str, migration_id: str) -> None:
        with self.call("abort_live_migration", server_id, migration_id, writes=True):
            migration = self.see_migration(migration_id)
            if migration.running:
                self.after(TASK_S, lambda: self.fail_move(migration_id, "cancelled"))

    def confirm_migration(self, server_id: str) -> None:
        with self.call("confirm_migration", server_id, writes=True):
            migration = self.waiting_migration(server_id)
            self.set_migration(migration.id, status="confirming")
            self.after(TASK_S, lambda: self.confirmed(migration.id))

    def revert_migration(self, server_id: str) -> None:
        with self.call("revert_migration", server_id, writes=True):
            migration = self.waiting_migration(server_id)
            self.change(server_id, task_state="resize_reverting", status="REVERT_RESIZE")
            self.after(TASK_S, lambda: self.reverted(migration.id))

    def pause(self, server_id: str) -> None:
        self._turn("pause", server_id, "ACTIVE", "PAUSED")

    def unpause(self, server_id: str) -> None:
        self._turn("unpause", server_id, "PAUSED", "ACTIVE")

    def start(self, server_id: str) -> None:
        self._turn("start", server_id, "SHUTOFF", "ACTIVE")

    def stop(self, server_id: str) -> None:
        self._turn("stop", server_id, "ACTIVE", "SHUTOFF")

    def suspend(self, server_id: str) -> None:
        self._turn("suspend", server_id, "ACTIVE", "SUSPENDED")

    def resume(self, server_id: str) -> None:
        self._turn("resume", server_id, "SUSPENDED", "ACTIVE")

    def reset_state(self, server_id: str, *, active: bool) -> None:
        with self.call("reset_state", server_id, writes=True):
            self.change(server_id, status="ACTIVE" if active else "ERROR", task_state="")

    def _turn(self, name: str, server_id: str, before: str, status: str) -> None:
        with self.call(name, server_id, writes=True):
            self.idle_server(server_id, before)
            self.change(server_id, task_state=f"{name}ing")
            self.after(TASK_S, lambda: self.set_state(server_id, status))

    # -- TestServers

    def boot_test_server(self, name: str, node: str) -> str:
        with self.call("boot_test_server", name, node, writes=True):
            for server in self.all_servers.values():
                if server.name == name:
                    return server.id
            machine = self.machine(node)
            if not (machine.mapped and machine.running):
                raise AssertionError(f"{node} cannot boot anything yet")
            server = self.add_server(name, node, "BUILD")
            self.all_ports[server.id] = []
            self.after(TASK_S, lambda: self._booted(server.id))
            return server.id

    def _booted(self, server_id: str) -> None:
        if server_id in self.all_servers:
            bad = self.outcomes[server_id] or self.outcomes["boot"]
            self.change(server_id, status=bad.pop(0) if bad else "ACTIVE")

    def delete_test_server(self, name: str) -> None:
        with self.call("delete_test_server", name, writes=True):
            for server in [s for s in self.all_servers.values() if s.name == name]:
                self.delete_server(server.id)

    def delete_server(self, server_id: str) -> None:
        """As its owner would."""
        self.all_servers.pop(server_id, None)
        self.all_ports.pop(server_id, None)
        self.held.pop(server_id, None)

    # -- Discovery

    def check(self) -> Sequence[AccessCheck]:
        return [AccessCheck("compute", "http://fake", ok=True, detail="answers")]

    def facts(self) -> Mapping[str, Any]:
        return {"release": "fake"}

    def close(self) -> None:
        """Nothing to give back."""
