"""Nodes on the wire: how they are shown, and what can be asked for them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from pumphouse.domain.node import NodeStatus
from pumphouse.wire.model import Page, Request, View

OnFailure = Literal["pause", "skip", "undo"]
Stopped = Literal["move", "leave"]
Suspended = Literal["refuse", "resume"]


class InventoryView(View):
    """One resource class of a node as Placement counts it: VCPU, MEMORY_MB in MiB, DISK_GB in GiB; `free` may be negative."""

    total: int
    reserved: int
    ratio: float
    used: int
    max_unit: int
    capacity: int
    free: int


class MaintenanceView(View):
    """A maintenance that we hold on a node."""

    reason: str
    since: datetime
    operation_id: str
    was_enabled: bool
    previous_reason: str = ""


class AgentView(View):
    """A service or agent process on a node, as the cloud reports it."""

    id: str
    kind: str
    binary: str
    host: str
    zone: str = ""
    enabled: bool
    up: bool
    reason: str = ""
    updated_at: str = ""


class NodeView(View):
    """One compute host; `servers` are counts by Nova's status. `agents` are only filled when one node is shown."""

    id: str
    name: str
    environment: str
    status: NodeStatus
    enabled: bool
    up: bool
    disabled_reason: str = ""
    zone: str = ""
    hypervisor: str = ""
    hypervisor_type: str = ""
    inventory: Mapping[str, InventoryView] = {}
    traits: frozenset[str] = frozenset()
    aggregates: tuple[str, ...] = ()
    servers: Mapping[str, int] = {}
    maintenance: MaintenanceView | None = None
    agents: tuple[AgentView, ...] = ()


class UnreachableView(View):
    """An environment whose nodes could not be listed, and why."""

    environment: str
    code: str
    detail: str
    hint: str = ""


class NodePage(Page[NodeView]):
    """The nodes that could be listed, and the environments that did not answer."""

    unreachable: tuple[UnreachableView, ...] = ()


class MaintenanceRequest(Request):
    """Take a node into maintenance (`on`) or put back what was found before (`off`)."""

    action: Literal["on", "off"]
    reason: str = Field(default="", max_length=200)


class LeavingRequest(Request):
    """How servers leave a node. What is left out takes the workflow's default."""

    reason: str | None = Field(default=None, max_length=200)
    parallel: int | None = Field(default=None, ge=1, le=64)
    per_target: int | None = Field(default=None, ge=1, le=64)
    suspended: Suspended | None = None
    on_failure: OnFailure | None = None


class EvacuateRequest(LeavingRequest):
    """Move every server off a node, or `leave` those that do not run."""

    stopped: Stopped | None = None


class MoveRequest(LeavingRequest):
    """Reassign a node to another environment, evacuating it first."""

    destination: str = Field(min_length=1, max_length=255)


class DeleteRequest(LeavingRequest):
    """Take a node out of its environment for good; `evacuate` moves its servers off first."""

    evacuate: bool = False
