"""Where each kind of thing and each list lives in the OpenStack APIs: the table that workbench.py reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pumphouse.ports.workbench import Kind, Listing


@dataclass(frozen=True, slots=True)
class Form:
    """One kind: its service and path, the names of one and of many in bodies, and the microversion that we speak.

    `flat` bodies have no wrapper; `id_key` and `name_key` are where a row has its id and name; `params` go with a list.
    """

    service: str
    path: str
    one: str
    many: str
    microversion: str = ""
    flat: bool = False
    id_key: str = "id"
    name_key: str = "name"
    params: Mapping[str, str] = field(default_factory=dict)


FORMS: Final[Mapping[Kind, Form]] = {
    Kind.FLAVOR: Form("compute", "/flavors", "flavor", "flavors", "2.1", params={"is_public": "None"}),
    Kind.IMAGE: Form("image", "/images", "image", "images", flat=True),
    Kind.VOLUME: Form("block-storage", "/volumes", "volume", "volumes", "3.0"),
    Kind.VOLUME_SNAPSHOT: Form("block-storage", "/snapshots", "snapshot", "snapshots", "3.0"),
    Kind.NETWORK: Form("network", "/networks", "network", "networks"),
    Kind.SUBNET: Form("network", "/subnets", "subnet", "subnets"),
    Kind.ROUTER: Form("network", "/routers", "router", "routers"),
    Kind.FLOATING_IP: Form("network", "/floatingips", "floatingip", "floatingips", name_key="description"),
    Kind.SECURITY_GROUP: Form("network", "/security-groups", "security_group", "security_groups"),
    Kind.SECURITY_GROUP_RULE: Form(
        "network",
        "/security-group-rules",
        "security_group_rule",
        "security_group_rules",
        name_key="description",
    ),
    Kind.KEYPAIR: Form("compute", "/os-keypairs", "keypair", "keypairs", "2.2", id_key="name"),
    # 2.45 answers createImage with the image's id in the body; "networks": "none" came with 2.37
    Kind.SERVER: Form("compute", "/servers", "server", "servers", "2.45"),
    Kind.USER: Form("identity", "/users", "user", "users"),
}


@dataclass(frozen=True, slots=True)
class List:
    """One list: `many` is "" where the body is not a list of rows."""

    service: str
    path: str
    many: str
    microversion: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    also_called: tuple[str, ...] = ()


LISTS: Final[Mapping[Listing, List]] = {
    Listing.SERVERS: List("compute", "/servers", "servers", "2.1", {"all_tenants": "1", "limit": 100}),
    Listing.IMAGES: List("image", "/images", "images", params={"limit": 100}),
    Listing.VOLUMES: List("block-storage", "/volumes", "volumes", "3.0", {"all_tenants": "1", "limit": 100}),
    Listing.VOLUME_SNAPSHOTS: List(
        "block-storage", "/snapshots", "snapshots", "3.0", {"all_tenants": "1", "limit": 100}
    ),
    Listing.FLAVORS: List("compute", "/flavors", "flavors", "2.1", {"limit": 100}),
    Listing.LIMITS: List("compute", "/limits", "", "2.1"),
    Listing.COMPUTE_SERVICES: List("compute", "/os-services", "services", "2.1"),
    Listing.HYPERVISORS: List("compute", "/os-hypervisors", "hypervisors", "2.1"),
    Listing.USERS: List("identity", "/users", "users"),
    Listing.NETWORKS: List("network", "/networks", "networks", params={"limit": 100}),
    Listing.AGENTS: List("network", "/agents", "agents"),
    Listing.STACKS: List("orchestration", "/stacks", "stacks"),
    Listing.METRICS: List("metric", "/v1/metric", "", params={"limit": 1}),
    Listing.ALARMS: List("alarm", "/v2/alarms", "", also_called=("alarming",)),
    Listing.EVENTS: List("event", "/v2/events", "", params={"limit": 1}),
    Listing.APPLICATIONS: List("application-catalog", "/v1/environments", "environments"),
    Listing.CLUSTER_TEMPLATES: List("data-processing", "/cluster-templates", "cluster_templates"),
    Listing.BAREMETAL_NODES: List("baremetal", "/v1/nodes", "nodes", also_called=("bare-metal",)),
}
