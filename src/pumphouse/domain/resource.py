"""What a tenant has in a cloud, in a form that two releases share, and what became of each thing in another cloud. Pure; used by the migration.

A resource's `fields` are what is copied: plain JSON without ids. Where one thing refers to another, a reference stands: `{"$ref": "network/ID"}`. So
`translated(fields, ids)` is what the destination must have, and a destination is like its source when its fields are equal to that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

REF: Final = "$ref"


class ResourceKind(StrEnum):
    """Kinds in the order in which they are made: nothing refers to a later one. Removal goes the other way."""

    DOMAIN = "domain"
    """mapped, never made"""
    ROLE = "role"
    PROJECT = "project"
    GROUP = "group"
    USER = "user"
    """with its group memberships"""
    QUOTA = "quota"
    """one per service: id SERVICE/TENANT_ID with SERVICE nova, neutron or cinder; its name is the service"""
    FLAVOR = "flavor"
    KEYPAIR = "keypair"
    """id USER_ID/NAME"""
    SERVER_GROUP = "server_group"
    VOLUME_TYPE = "volume_type"
    """mapped, never made"""
    ZONE = "zone"
    """availability zones, mapped, never made; id and name are SERVICE/NAME with SERVICE compute, volume or network"""
    IMAGE = "image"
    QOS_POLICY = "qos_policy"
    ADDRESS_SCOPE = "address_scope"
    SUBNET_POOL = "subnet_pool"
    EXTERNAL_NETWORK = "external_network"
    """networks with router:external, and provider networks of the operator's own that tenants use: mapped, never made"""
    EXTERNAL_SUBNET = "external_subnet"
    """subnets of those; mapped with them"""
    NETWORK = "network"
    SUBNET = "subnet"
    ADDRESS_GROUP = "address_group"
    SECURITY_GROUP = "security_group"
    """without its rules: they may refer to any group"""
    SECURITY_GROUP_RULES = "security_group_rules"
    """all rules of one group; the id is the group's"""
    RBAC_SHARE = "rbac_share"
    ROUTER = "router"
    """with its gateway, without routes"""
    PORT = "port"
    """those of servers, of router interfaces and lone ones; not those of DHCP, floating IPs, gateways, OVN metadata"""
    ROUTER_INTERFACE = "router_interface"
    """id ROUTER_ID/PORT_ID"""
    ROUTER_ROUTES = "router_routes"
    """static routes of one router; the id is the router's"""
    TRUNK = "trunk"
    FLOATING_IP = "floating_ip"
    """with its port forwardings; the association is made when the server is"""
    VOLUME = "volume"
    VOLUME_SNAPSHOT = "volume_snapshot"
    SERVER = "server"
    EC2_KEY = "ec2_key"
    """access key and secret of a user in the tenant; the id is Keystone's, the same in every cloud. The secret is in no field"""
    ASSIGNMENT = "assignment"
    """last: from then on the users may enter; id as Grant.key"""
    CREDENTIAL = "credential"
    """application credentials, trusts and what hangs on them: only listed for their owners"""


ORDER: Final[Mapping[ResourceKind, int]] = {kind: number for number, kind in enumerate(ResourceKind)}


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing as it is now.

    Args:
        fields: what is copied; JSON with references in place of ids. The same keys in every release; what a release lacks has its neutral value.
        notes: what is only remembered (status, host, created_at, the id of a parent that is not copied ...), for findings and reports.
        version: changes when the thing changes: `updated_at`, `revision_number`, or a digest of the fields where the API has neither.
        size_bytes: of its data; 0 without.
        owner: id of the project that owns it; "" when it belongs to the cloud.
    """

    kind: ResourceKind
    id: str
    name: str
    fields: Mapping[str, Any]
    notes: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    size_bytes: int = 0
    owner: str = ""

    @property
    def key(self) -> str:
        """KIND/ID, as references have it."""
        return f"{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that a tenant has in one cloud and all that it refers to, read at one time. `gaps` say in words what could not be read or is of a kind that we
    do not move (load balancers, stacks ...), with counts.
    """

    environment: str
    tenant_id: str
    read_at: datetime
    resources: Sequence[Resource]
    gaps: Sequence[str] = ()

    def of(self, kind: ResourceKind) -> list[Resource]:
        """Those of a kind."""
        return [r for r in self.resources if r.kind is kind]


class MoveState(StrEnum):
    """How far one thing is."""

    INTENDED = "intended"
    """it is about to be made: after a crash look for it first"""
    MADE = "made"
    VERIFIED = "verified"
    COMMITTED = "committed"
    """the source of it is deleted"""


@dataclass(frozen=True, slots=True)
class Move:
    """What became of one thing of a tenant in another cloud; kept until the migration is rolled back or the records are removed. Identity is
    (source, tenant_id, destination, kind, source_id).

    `ours` says that we have made it, so that a rollback may delete it: what was there before (reused, mapped, adopted) is never deleted.
    `details` are JSON: `verified` (field -> how), hashes, bytes, times, what was before in an adopted thing.
    """

    source: str
    tenant_id: str
    destination: str
    kind: ResourceKind
    source_id: str
    name: str
    state: MoveState
    destination_id: str = ""
    ours: bool = False
    source_version: str = ""
    operation_id: str = ""
    at: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class UnmappedError(KeyError):
    """A reference to something that has no counterpart yet; its argument is `kind/id`."""


def ref(kind: ResourceKind, id: str) -> dict[str, str]:
    """A reference."""
    return {REF: f"{kind}/{id}"}


def ref_or_none(kind: ResourceKind, id: str | None) -> dict[str, str] | None:
    """A reference, or None for no id."""
    return ref(kind, id) if id else None


def refs(fields: Any) -> Iterator[str]:
    """All references in it, as `kind/id`, in order of appearance."""
    if isinstance(fields, Mapping):
        target = fields.get(REF)
        if isinstance(target, str) and len(fields) == 1:
            yield target
            return
        for value in fields.values():
            yield from refs(value)
    elif isinstance(fields, list | tuple):
        for value in fields:
            yield from refs(value)


def split_ref(target: str) -> tuple[ResourceKind, str]:
    """`kind/id` -> both; the id may hold further slashes."""
    kind, _, rest = target.partition("/")
    return ResourceKind(kind), rest


def replaced(fields: Any, change: Callable[[str], Any]) -> Any:
    """A copy in which every reference `{"$ref": target}` is `change(target)`."""
    if isinstance(fields, Mapping):
        target = fields.get(REF)
        if isinstance(target, str) and len(fields) == 1:
            return change(target)
        return {key: replaced(value, change) for key, value in fields.items()}
    if isinstance(fields, list | tuple):
        return [replaced(value, change) for value in fields]
    return fields


def translated(fields: Any, ids: Mapping[str, str]) -> Any:
    """A copy whose references name the destination's things. `ids`: `kind/source id` -> destination id.

    Raises:
        UnmappedError: a reference has no counterpart.
    """

    def change(target: str) -> dict[str, str]:
        if target not in ids:
            raise UnmappedError(target)
        kind, _ = split_ref(target)
        return ref(kind, ids[target])

    return replaced(fields, change)


def plain(fields: Any) -> Any:
    """A copy with bare ids in place of references, as an API wants them."""
    return replaced(fields, lambda target: split_ref(target)[1])


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Field -> (wanted, found) for all that differ."""
    return {
        key: (wanted.get(key), found.get(key))
        for key in sorted({*wanted, *found})
        if wanted.get(key) != found.get(key)
    }
