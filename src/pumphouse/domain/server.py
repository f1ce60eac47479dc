"""Servers and what hangs on them, as Nova, Neutron and Placement report them."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FlavorSize:
    """What a server takes from its node, with the flavor's extra specs (traits, NUMA, PCI, CPU policy are read from these)."""

    vcpus: int
    ram_mib: int
    root_gib: int
    ephemeral_gib: int = 0
    swap_mib: int = 0
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """A VM. `status` is Nova's word (ACTIVE, SHUTOFF, PAUSED, SUSPENDED, SHELVED, SHELVED_OFFLOADED, VERIFY_RESIZE, ERROR, BUILD, ...);
    `image_id` is "" for one booted from a volume; `host` is "" when it is on no node.
    """

    id: str
    name: str
    environment: str
    project_id: str
    status: str
    host: str
    flavor: FlavorSize
    task_state: str = ""
    image_id: str = ""
    volume_ids: tuple[str, ...] = ()
    zone: str = ""
    pinned_zone: str = ""
    locked: bool = False
    config_drive: bool = False
    created_at: str = ""
    fault: str = ""
    power_state: str = ""
    """what the hypervisor last said: running, paused, shutdown, crashed, suspended; "" when it said nothing"""
    host_status: str = ""
    """what Nova holds of its node when it is asked about this server: UP, UNKNOWN, DOWN, MAINTENANCE; "" when it does not say"""


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """A server group with its members; `policy` is affinity, anti-affinity, soft-affinity or soft-anti-affinity."""

    id: str
    name: str
    policy: str
    member_ids: frozenset[str]
    max_per_host: int = 1


@dataclass(frozen=True, slots=True)
class Port:
    """A server's port: where it is bound, and whether Neutron calls it ACTIVE."""

    id: str
    server_id: str
    status: str
    host: str
    vnic_type: str = "normal"
    binding: str = ""


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration of a server as Nova records it; `kind` is live-migration, migration, resize or evacuation.

    `id` is the number by which Nova aborts it, `uuid` the consumer under which Placement holds the source's resources meanwhile.
    """

    id: str
    server_id: str
    status: str
    kind: str
    source: str
    target: str
    updated_at: str = ""
    uuid: str = ""

    @property
    def running(self) -> bool:
        """Whether it still goes on; `finished` is a resize that waits for its confirmation."""
        return self.status not in {
            "completed",
            "confirmed",
            "reverted",
            "error",
            "failed",
            "cancelled",
            "done",
        }
