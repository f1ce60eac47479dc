"""Use cases of nodes: list those of all environments at once, show one, and find one by name or id."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pumphouse.domain.environment import ServiceState
from pumphouse.domain.errors import NotFoundError, PumphouseError
from pumphouse.domain.node import Maintenance, Node
from pumphouse.ports.store import EnvironmentStore
from pumphouse.ports.toolbox import Toolbox
from pumphouse.services.environments import Environments

AT_ONCE = 8
"""How many environments are asked at the same time."""


@dataclass(frozen=True, slots=True)
class NodeList:
    """The nodes of those environments that answered, and the errors of the others by environment name."""

    nodes: Sequence[Node]
    unreachable: Mapping[str, PumphouseError]


class Nodes:
    """Nodes of environments, with our maintenance records merged in."""

    def __init__(self, *, environments: Environments, store: EnvironmentStore, tools: Toolbox) -> None:
        self._environments = environments
        self._store = store
        self._tools = tools

    def list(self, environment: str | None = None) -> NodeList:
        """The nodes of one environment or of all, asked concurrently, by environment and name.

        Raises:
            NotFoundError: no such environment.
            PumphouseError: the one environment asked for did not answer.
        """
        if environment is not None:
            name = self._environments.show(environment).name
            return NodeList(self._of(name), {})
        names = [e.name for e in self._environments.list()]
        if not names:
            return NodeList([], {})
        nodes: list[Node] = []
        unreachable: dict[str, PumphouseError] = {}
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(names)), thread_name_prefix="nodes") as pool:
            asked = {name: pool.submit(self._of, name) for name in names}
            for name, answer in asked.items():
                try:
                    nodes.extend(answer.result())
                except PumphouseError as error:
                    unreachable[name] = error
        return NodeList(nodes, unreachable)

    def show(self, environment: str, node: str) -> tuple[Node, Sequence[ServiceState]]:
        """One node, freshly read, with the services and agents that run on it."""
        name = self._environments.show(environment).name
        cloud = self._tools.cloud(name)
        try:
            found = self._merged(name, [cloud.node(node)])[0]
        except NotFoundError:
            found = self._by_id(name, node)
        agents = [s for s in cloud.services() if s.host.partition("@")[0] == found.name]
        return found, agents

    def resolve(self, environment: str, node: str) -> tuple[str, str]:
        """The names of an environment and of its node, each given by name or id.

        Raises:
            NotFoundError: the hint lists the nodes that there are.
        """
        name = self._environments.show(environment).name
        try:
            return name, self._tools.cloud(name).node(node).name
        except NotFoundError:
            return name, self._by_id(name, node).name

    def _of(self, environment: str) -> Sequence[Node]:
        nodes = self._merged(environment, self._tools.cloud(environment).nodes(summary=True))
        return sorted(nodes, key=lambda n: n.name)

    def _merged(self, environment: str, nodes: Sequence[Node]) -> Sequence[Node]:
        held: dict[str, Maintenance] = {m.node: m for m in self._store.maintenances(environment)}
        return [replace(n, maintenance=held.get(n.name)) for n in nodes]

    def _by_id(self, environment: str, node: str) -> Node:
        nodes = self._of(environment)
        for candidate in nodes:
            if node in {candidate.id, candidate.service_id, candidate.name}:
                return candidate
        known = ", ".join(n.name for n in nodes[:10]) + (", ..." if len(nodes) > 10 else "")
        raise NotFoundError(
            "node",
            f"{environment}/{node}",
            hint=f"nodes of {environment}: {known}" if known else f"{environment} has no compute node yet",
        )
