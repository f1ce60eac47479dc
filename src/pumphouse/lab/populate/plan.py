"""What a populated cloud contains: a pure function of the tenants' names and the number of servers. Read by `run`, shown by tests."""

import re
from dataclasses import dataclass

from pumphouse.lab.errors import LabConfigurationError

MARK = "made by pumphouse lab populate"
"""In the description of all that has one: what carries it may be deleted by `--clear`."""

DEFAULT_TENANTS = ("acme", "globex", "initech")
DEFAULT_SERVERS = 12
MAX_SERVERS = 500
PUBLIC_NETWORK = "public"
PUBLIC_IMAGE = "lab-linux"
TENANT_NAME = re.compile(r"^[a-z][a-z0-9]{1,15}$")


@dataclass(frozen=True, slots=True)
class FlavorPlan:
    """A flavor; sizes as Nova's (MiB, GiB)."""

    name: str
    vcpus: int
    ram_mib: int
    disk_gib: int


FLAVORS = (
    FlavorPlan("m1.tiny", 1, 512, 1),
    FlavorPlan("m1.small", 1, 1024, 2),
    FlavorPlan("m1.medium", 2, 2048, 4),
)


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """An image whose bytes are a function of its name; `tenant` is "" for a public one."""

    name: str
    size_mib: int
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """A tenant's network with one subnet, hanging on the tenant's router."""

    name: str
    cidr: str


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """A volume; made from an image where `image` is named, so that there are bytes to compare after a migration."""

    name: str
    size_gib: int
    image: str = ""
    bootable: bool = False


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """A server and how it should end: `status` is ACTIVE, SHUTOFF or PAUSED; `boot_volume` replaces `image` where it is named."""

    name: str
    flavor: str
    networks: tuple[str, ...]
    security_groups: tuple[str, ...]
    image: str
    status: str = "ACTIVE"
    boot_volume: str = ""
    volumes: tuple[str, ...] = ()
    group: str = ""
    floating_ip: bool = False


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """One tenant with all that it owns."""

    name: str
    networks: tuple[NetworkPlan, ...]
    image: ImagePlan
    volumes: tuple[VolumePlan, ...]
    servers: tuple[ServerPlan, ...]

    @property
    def operator(self) -> str:
        """The user that owns the tenant's servers and keypair; has the role `member`."""
        return f"{self.name}-ops"

    @property
    def developer(self) -> str:
        """A user that has its role through the group alone."""
        return f"{self.name}-dev"

    @property
    def auditor(self) -> str:
        """A user with the role `reader`."""
        return f"{self.name}-audit"

    @property
    def group(self) -> str:
        return f"{self.name}-developers"

    @property
    def router(self) -> str:
        return f"{self.name}-router"

    @property
    def keypair(self) -> str:
        return f"{self.name}-key"

    @property
    def server_group(self) -> str:
        return f"{self.name}-web"

    @property
    def security_groups(self) -> tuple[str, ...]:
        return (f"{self.name}-web", f"{self.name}-internal")


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """All of it."""

    tenants: tuple[TenantPlan, ...]
    flavors: tuple[FlavorPlan, ...] = FLAVORS
    image: ImagePlan = ImagePlan(PUBLIC_IMAGE, 4)

    @property
    def servers(self) -> tuple[ServerPlan, ...]:
        return tuple(s for t in self.tenants for s in t.servers)


def make_plan(servers: int = DEFAULT_SERVERS, tenants: tuple[str, ...] = DEFAULT_TENANTS) -> WorkloadPlan:
    """The workload for so many servers, dealt out to the tenants in turn.

    Raises:
        LabConfigurationError: a name or the number is bad.
    """
    if not 0 <= servers <= MAX_SERVERS:
        raise LabConfigurationError("--servers", servers, "out of range", hint=f"Use 0 to {MAX_SERVERS}.")
    if not tenants or len(set(tenants)) != len(tenants):
        raise LabConfigurationError(
            "--tenants", ",".join(tenants), "empty, or a name is there twice", hint="For instance acme,globex"
        )
    for name in tenants:
        if not TENANT_NAME.match(name):
            raise LabConfigurationError(
                "--tenants",
                name,
                "not a tenant name",
                hint="Use 2 to 16 small letters and digits, a letter first.",
            )
    shares = [servers // len(tenants) + (1 if i < servers % len(tenants) else 0) for i in range(len(tenants))]
    return WorkloadPlan(
        tuple(_tenant(name, i, share) for i, (name, share) in enumerate(zip(tenants, shares, strict=True)))
    )


def _tenant(name: str, index: int, count: int) -> TenantPlan:
    servers = tuple(_server(name, index, n) for n in range(count))
    volumes = [VolumePlan(f"{name}-archive", 1)]
    for server in servers:
        if server.boot_volume:
            volumes.append(VolumePlan(server.boot_volume, 1, f"{name}-golden", bootable=True))
        volumes.extend(VolumePlan(v, 1) for v in server.volumes)
    return TenantPlan(
        name=name,
        networks=(
            NetworkPlan(f"{name}-front", f"10.{10 + index}.0.0/22"),
            NetworkPlan(f"{name}-back", f"10.{10 + index}.8.0/22"),
        ),
        image=ImagePlan(f"{name}-golden", 2, name),
        volumes=tuple(volumes),
        servers=servers,
    )


def _server(tenant: str, index: int, n: int) -> ServerPlan:
    """The n-th server of a tenant: two web servers, a database, a batch worker, then application servers without end."""
    front, back = (f"{tenant}-front",), (f"{tenant}-back",)
    web, internal = (f"{tenant}-web",), (f"{tenant}-internal",)
    if n < 2:
        return ServerPlan(
            f"{tenant}-web-{n + 1}",
            "m1.tiny",
            front,
            web,
            PUBLIC_IMAGE,
            group=f"{tenant}-web",
            floating_ip=n == 0,
        )
    if n == 2:
        name = f"{tenant}-db-1"
        # one tenant's database has two legs; a port costs about 3 CPU seconds in the lab
        networks = front + back if index == 0 else back
        return ServerPlan(
            name, "m1.medium", networks, internal, "", boot_volume=f"{name}-root", volumes=(f"{name}-data",)
        )
    if n == 3:
        status = ("SHUTOFF", "PAUSED", "SHUTOFF")[index % 3]
        name = f"{tenant}-batch-1"
        return ServerPlan(
            name,
            "m1.small",
            back,
            internal,
            f"{tenant}-golden",
            status,
            volumes=(f"{name}-data",) if index % 3 == 2 else (),
        )
    status = ("ACTIVE", "PAUSED", "ACTIVE", "SHUTOFF")[n % 4]
    return ServerPlan(f"{tenant}-app-{n - 3}", "m1.tiny", back, internal, PUBLIC_IMAGE, status)
