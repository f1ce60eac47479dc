"""What health checks ask of a cloud: make, look at and remove small things of each kind. Implemented by drivers/openstack/workbench.py.

Every call raises only `pumphouse.domain.errors`, as those of ports/cloud.py do; writes are sent once. Waiting is the caller's part:
`create` and `delete` only ask, `look` tells how far it has come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Kind(StrEnum):
    """Things that a check can make. Those of a project are made in the project of our credentials."""

    FLAVOR = "flavor"
    IMAGE = "image"
    VOLUME = "volume"
    VOLUME_SNAPSHOT = "volume snapshot"
    NETWORK = "network"
    SUBNET = "subnet"
    ROUTER = "router"
    FLOATING_IP = "floating IP"
    SECURITY_GROUP = "security group"
    SECURITY_GROUP_RULE = "security group rule"
    KEYPAIR = "keypair"
    SERVER = "server"
    USER = "user"


class Listing(StrEnum):
    """Lists that a sanity check asks for once."""

    SERVERS = "servers"
    IMAGES = "images"
    VOLUMES = "volumes"
    VOLUME_SNAPSHOTS = "volume snapshots"
    FLAVORS = "flavors"
    LIMITS = "absolute limits"
    COMPUTE_SERVICES = "compute services"
    HYPERVISORS = "hypervisors"
    USERS = "users"
    NETWORKS = "networks"
    AGENTS = "network agents"
    STACKS = "stacks"
    METRICS = "metrics"
    ALARMS = "alarms"
    EVENTS = "events"
    APPLICATIONS = "application environments"
    CLUSTER_TEMPLATES = "data processing cluster templates"
    BAREMETAL_NODES = "bare metal nodes"


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing as the cloud shows it; `status` is the service's own word in capitals, `details` its own row."""

    kind: Kind
    id: str
    name: str
    status: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


class Workbench(Protocol):
    """Small things in one cloud. Safe for use by many threads."""

    def offers(self, listing: Listing) -> bool:
        """Whether the catalog has the service that answers this list."""
        ...

    def count(self, listing: Listing) -> int:
        """Ask for the list once (its first page) and tell how many rows came."""
        ...

    def create(self, kind: Kind, name: str, spec: Mapping[str, Any]) -> str:
        """Ask for a thing of that name; `spec` is in the service's own words (`{"ram": 64, ...}`). Answers its id."""
        ...

    def look(self, kind: Kind, id: str) -> Thing | None:
        """The thing as it is now, or None when it is gone."""
        ...

    def find(self, kind: Kind, prefix: str) -> Sequence[Thing]:
        """All things whose name begins with `prefix` (floating IPs: whose description does)."""
        ...

    def delete(self, kind: Kind, id: str) -> None:
        """Ask to delete it (a router: with its legs); one that is gone is no error."""
        ...

    def upload(self, image_id: str, content: bytes) -> None:
        """Give an image its bytes."""
        ...

    def tag_image(self, image_id: str, tag: str) -> None:
        """Change an image: put a tag on it."""
        ...

    def plug(self, router_id: str, subnet_id: str) -> None:
        """Give a router a leg in a subnet."""
        ...

    def external_network(self) -> str | None:
        """The id of a network that floating IPs come from, or None."""
        ...

    def port_of(self, server_id: str) -> str | None:
        """The id of a server's first port, or None while it has none."""
        ...

    def attach(self, server_id: str, volume_id: str) -> None:
        """Ask to attach a volume."""
        ...

    def detach(self, server_id: str, volume_id: str) -> None:
        """Ask to detach it."""
        ...

    def snapshot_server(self, server_id: str, name: str) -> str:
        """Ask for an image of a server; answers the image's id."""
        ...

    def allow(self, user_id: str) -> None:
        """Let a user into our project with the least role there is."""
        ...

    def log_in(self, user: str, password: str) -> None:
        """Authenticate as a user in our project.

        Raises:
            CredentialsError: the cloud does not let it in.
        """
        ...
