"""Nodes: the compute hosts of an environment, with their capacity as Placement counts it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

TENANT_FILTER = "filter_tenant_id"


class NodeStatus(StrEnum):
    """What Nova says of a node's compute service, in one word."""

    UP = "up"
    DOWN = "down"
    DISABLED = "disabled"
    MAINTENANCE = "maintenance"
    """disabled by us"""


@dataclass(frozen=True, slots=True)
class Inventory:
    """One resource class of a provider. Room for new allocations is `(total - reserved) * ratio - used`; units as Placement's:
    VCPU, MEMORY_MB (MiB), DISK_GB (GiB).
    """

    total: int
    reserved: int
    ratio: float
    used: int
    max_unit: int

    @property
    def capacity(self) -> int:
        """How much may be allocated in all."""
        return int((self.total - self.reserved) * self.ratio)

    @property
    def free(self) -> int:
        """How much is left; negative when ratios were lowered under a full node."""
        return self.capacity - self.used


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A node's maintenance as we recorded it: what we found before, so that it can be put back."""

    environment: str
    node: str
    reason: str
    since: datetime
    operation_id: str
    was_enabled: bool
    previous_reason: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """One compute host. `id` is the hypervisor's uuid, `name` the host name of its compute service (how Nova addresses moves),
    `provider_id` the uuid of its resource provider ("" when Placement does not know it).
    """

    id: str
    name: str
    environment: str
    service_id: str
    enabled: bool
    up: bool
    disabled_reason: str = ""
    zone: str = ""
    hypervisor: str = ""
    hypervisor_type: str = ""
    provider_id: str = ""
    inventory: Mapping[str, Inventory] = field(default_factory=dict)
    traits: frozenset[str] = frozenset()
    aggregates: tuple[str, ...] = ()
    aggregate_metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """by aggregate; those without metadata may be missing"""
    servers: Mapping[str, int] = field(default_factory=dict)
    maintenance: Maintenance | None = None

    @property
    def tenants(self) -> frozenset[str]:
        """The only tenants whose servers may be here; empty when all may. Nova's AggregateMultiTenancyIsolation reads `filter_tenant_id`
        and every key that begins so, each a list with commas (nova/scheduler/filters/aggregate_multitenancy_isolation.py).
        """
        lists = [
            value
            for metadata in self.aggregate_metadata.values()
            for key, value in metadata.items()
            if key.startswith(TENANT_FILTER)
        ]
        return frozenset(one.strip() for names in lists for one in names.split(",") if one.strip())

    @property
    def status(self) -> NodeStatus:
        """One word for the operator; ours comes before Nova's."""
        if self.maintenance is not None and not self.enabled:
            return NodeStatus.MAINTENANCE
        if not self.up:
            return NodeStatus.DOWN
        return NodeStatus.UP if self.enabled else NodeStatus.DISABLED
