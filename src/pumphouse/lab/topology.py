"""Which clouds a lab has and which node stands in which cloud, kept in `lab.json` of the state directory.

Written atomically by `Lab` whenever a node moves, so that the next `up` brings each node back where it was.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pumphouse.lab.choices import Choices
from pumphouse.lab.errors import LabConfigurationError
from pumphouse.lab.layout import DEFAULT_PORT_BASE, MAX_CLOUDS

NAME = re.compile(r"^[a-z][a-z0-9-]{0,19}$")
NODE_NAME = re.compile(r"^[a-z0-9][a-z0-9.-]{0,62}$")
MAX_NODES = 250


@dataclass(frozen=True, slots=True)
class NodeSize:
    """What a fake compute node claims to have."""

    vcpus: int = 16
    ram_mib: int = 32768
    disk_gb: int = 400


@dataclass(frozen=True, slots=True)
class CloudSpec:
    """One cloud: its name (also the name in clouds.yaml), its release, the nodes it has now, and what was chosen when it was made.

    `slot` is set for one that joined a running lab: which hundred of the lab's ports it has; the others have that of their place. `leaving` says
    that its removal has begun.
    """

    name: str
    release: str
    nodes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    slot: int | None = None
    leaving: bool = False


DEFAULT_OLD, DEFAULT_NEW = "2023.1", "2026.2"


@dataclass(frozen=True, slots=True)
class Topology:
    """All that is persisted about a lab's shape."""

    clouds: tuple[CloudSpec, ...]
    port_base: int = DEFAULT_PORT_BASE
    node_size: NodeSize = field(default_factory=NodeSize)
    node_numbers: dict[str, int] = field(default_factory=dict)
    first_nodes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def first_clouds(self) -> tuple[CloudSpec, ...]:
        """The clouds that the lab was made with, before any node moved."""
        return tuple(
            replace(c, nodes=tuple(self.first_nodes[c.name]))
            for c in self.clouds
            if c.name in self.first_nodes
        )

    @property
    def further_clouds(self) -> tuple[CloudSpec, ...]:
        """Those that joined the running lab."""
        return tuple(c for c in self.clouds if c.slot is not None)

    def first(self) -> "Topology":
        """The same lab with every node where it began, and without the clouds that joined later."""
        return replace(self, clouds=self.first_clouds)

    def shape(self) -> tuple[object, ...]:
        """What may not change during the life of a lab."""
        return (self.first_clouds, self.port_base, self.node_size)

    def cloud(self, name: str) -> CloudSpec:
        for spec in self.clouds:
            if spec.name == name:
                return spec
        known = ", ".join(spec.name for spec in self.clouds)
        raise LabConfigurationError("cloud", name, "this lab has no such cloud", hint=f"Its clouds: {known}.")

    def index(self, name: str) -> int:
        """Which of the lab's hundreds of ports the cloud has; never changes."""
        spec = self.cloud(name)
        return self.clouds.index(spec) if spec.slot is None else spec.slot

    def with_cloud(self, spec: CloudSpec) -> "Topology":
        """The same topology with a further cloud, or with that cloud changed."""
        if any(c.name == spec.name for c in self.clouds):
            return self._with_cloud(spec)
        return replace(self, clouds=(*self.clouds, spec))

    def without_cloud(self, name: str) -> "Topology":
        """The same topology without a further cloud; an unknown one is fine."""
        return replace(self, clouds=tuple(c for c in self.clouds if c.name != name or c.slot is None))

    def free_slots(self) -> list[int]:
        """Hundreds of ports that no cloud has."""
        taken = {self.index(c.name) for c in self.clouds}
        return [slot for slot in range(MAX_CLOUDS) if slot not in taken]

    def with_node(self, cloud: str, node: str) -> "Topology":
        """The same topology with `node` in `cloud`; nothing changes if it is there already."""
        check_node_name(node)
        spec = self.cloud(cloud)
        if node in spec.nodes:
            return self
        numbers = dict(self.node_numbers)
        numbers.setdefault(node, max(numbers.values(), default=0) + 1)
        changed = replace(spec, nodes=(*spec.nodes, node))
        return replace(self._with_cloud(changed), node_numbers=numbers)

    def without_node(self, cloud: str, node: str) -> "Topology":
        spec = self.cloud(cloud)
        return self._with_cloud(replace(spec, nodes=tuple(n for n in spec.nodes if n != node)))

    def _with_cloud(self, changed: CloudSpec) -> "Topology":
        return replace(self, clouds=tuple(changed if c.name == changed.name else c for c in self.clouds))


def make_topology(
    specs: Iterable[CloudSpec], *, port_base: int = DEFAULT_PORT_BASE, node_size: NodeSize | None = None
) -> Topology:
    """A topology for a new lab.

    Raises:
        LabConfigurationError: names are bad or taken twice, too many clouds, ports out of range.
    """
    clouds = tuple(specs)
    names = [c.name for c in clouds]
    if not 1 <= len(clouds) <= MAX_CLOUDS:
        raise LabConfigurationError(
            "clouds", len(clouds), "out of range", hint=f"Use 1 to {MAX_CLOUDS} clouds."
        )
    for spec in clouds:
        Choices(spec.settings)
    for name in names:
        check_cloud_name(name)
        if names.count(name) > 1:
            raise LabConfigurationError("cloud", name, "named twice", hint="Give each cloud its own name.")
    if not 1024 <= port_base <= 65535 - 100 * (MAX_CLOUDS + 1):
        raise LabConfigurationError(
            "port base", port_base, "out of range", hint="Use 1024 to 65000, for instance 20000."
        )
    nodes = [n for c in clouds for n in c.nodes]
    if len(nodes) > MAX_NODES:
        raise LabConfigurationError("nodes", len(nodes), "too many", hint=f"Use {MAX_NODES} at most.")
    for node in nodes:
        check_node_name(node)
    first = {c.name: c.nodes for c in clouds}
    numbers = {node: number for number, node in enumerate(dict.fromkeys(nodes), 1)}
    return Topology(clouds, port_base, node_size or NodeSize(), numbers, first)


def check_cloud_name(name: str) -> None:
    if not NAME.match(name):
        raise LabConfigurationError(
            "cloud", name, "not a name", hint="Use small letters, digits and '-', 20 at most, a letter first."
        )


def check_node_name(node: str) -> None:
    if not NODE_NAME.match(node):
        raise LabConfigurationError("node", node, "not a host name", hint="Use letters, digits, '.' and '-'.")


def parse_clouds(options: Iterable[str]) -> tuple[CloudSpec, ...]:
    """Clouds from `NAME=RELEASE[:NODES]`; nodes are numbered through: node-1, node-2...

    Raises:
        LabConfigurationError: an option does not have that form.
    """
    clouds: list[CloudSpec] = []
    first = 1
    for option in options:
        match = re.fullmatch(r"([^=]+)=([^:]+)(?::(\d+))?", option)
        if not match:
            raise LabConfigurationError(
                "--cloud", option, "not NAME=RELEASE[:NODES]", hint="For instance --cloud old=2023.1:3"
            )
        count = int(match[3] or 0)
        clouds.append(CloudSpec(match[1], match[2], tuple(f"node-{n}" for n in range(first, first + count))))
        first += count
    return tuple(clouds)


def default_clouds(old: str = DEFAULT_OLD, new: str = DEFAULT_NEW) -> tuple[CloudSpec, ...]:
    return parse_clouds([f"old={old}:3", f"new={new}:0"])


def load_topology(path: Path) -> Topology | None:
    """The topology saved at `path`, or None where there is no lab yet."""
    if not path.exists():
        return None
    saved = json.loads(path.read_text())
    clouds = tuple(CloudSpec(**{**c, "nodes": tuple(c["nodes"])}) for c in saved["clouds"])
    first = {cloud: tuple(nodes) for cloud, nodes in saved["first_nodes"].items()}
    return Topology(clouds, saved["port_base"], NodeSize(**saved["node_size"]), saved["node_numbers"], first)


def save_topology(path: Path, topology: Topology) -> None:
    write_atomically(path, json.dumps(asdict(topology), indent=2) + "\n")


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write `text` so that a reader, or a crash, sees the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w") as out:
        out.write(text)
    draft.replace(path)
