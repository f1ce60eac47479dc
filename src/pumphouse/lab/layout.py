"""Where a lab keeps its files and which ports it takes. Read by every other module of the lab; starts nothing."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT_BASE = 20000
PORTS_PER_CLOUD = 100
MAX_CLOUDS = 4

# Offsets from the lab's port base, and from the first port of a cloud.
SHARED_PORTS = {"rabbitmq": 72, "rabbitmq-distribution": 73, "epmd": 74}
CLOUD_PORTS = {
    "keystone": 35,
    "ovn-nb": 41,
    "ovn-sb": 42,
    "nova-api": 74,
    "cinder-api": 76,
    "placement": 78,
    "glance": 92,
    "neutron": 96,
}


def default_state_dir() -> Path:
    """`PUMPHOUSE_LAB_DIR`, or the user's state directory."""
    chosen = os.environ.get("PUMPHOUSE_LAB_DIR")
    if chosen:
        return Path(chosen)
    state_home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state_home) / "pumphouse" / "lab"


def cache_dir() -> Path:
    """Release environments and saved databases, shared by all labs of this user."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache_home) / "pumphouse"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths and ports of one lab: a pure function of its state directory and port base."""

    state_dir: Path
    port_base: int = DEFAULT_PORT_BASE

    @property
    def tag(self) -> str:
        """Short name of this lab, unique per state directory: used where names are machine-wide."""
        return hashlib.sha256(str(self.state_dir).encode()).hexdigest()[:8]

    @property
    def ram_dir(self) -> Path:
        """On tmpfs: databases and sockets. Lost at a reboot, and then the clouds are gone."""
        return Path("/dev/shm") / f"pumphouse-lab-{self.tag}"  # noqa: S108 - mode 0700, made by us

    @property
    def mysql_dir(self) -> Path:
        return self.ram_dir / "mysql"

    @property
    def mysql_socket(self) -> Path:
        return self.ram_dir / "run" / "mysql.sock"

    @property
    def socket_dir(self) -> Path:
        """Sockets and pipes; short, because a socket's path may have 107 characters at most."""
        return self.ram_dir / "run"

    def databases_mark(self, cloud: str) -> Path:
        """There when the databases of a cloud that joined later are made; it lives and dies with them."""
        return self.ram_dir / f".complete-{cloud}"

    def ovn_dir(self, cloud: str) -> Path:
        return self.ram_dir / f"ovn-{cloud}"

    @property
    def run_dir(self) -> Path:
        return self.state_dir / "run"

    @property
    def work_dir(self) -> Path:
        """The current directory of every process of the lab, and of nobody else's."""
        return self.run_dir / "cwd"

    @property
    def log_dir(self) -> Path:
        return self.state_dir / "log"

    def log_file(self, process: str) -> Path:
        return self.log_dir / f"{process}.log"

    @property
    def shim_dir(self) -> Path:
        return self.state_dir / "shim"

    @property
    def rabbitmq_dir(self) -> Path:
        return self.state_dir / "rabbitmq"

    @property
    def clouds_yaml(self) -> Path:
        return self.state_dir / "clouds.yaml"

    def cloud_dir(self, cloud: str) -> Path:
        return self.state_dir / "clouds" / cloud

    def etc_dir(self, cloud: str, service: str) -> Path:
        return self.cloud_dir(cloud) / "etc" / service

    def policy_dir(self, cloud: str, service: str) -> Path:
        return self.etc_dir(cloud, service) / "policy.d"

    def node_dir(self, cloud: str, node: str) -> Path:
        return self.cloud_dir(cloud) / "nodes" / node

    def volume_share(self, cloud: str) -> Path:
        return self.cloud_dir(cloud) / "volumes"

    def volume_mount(self, cloud: str) -> Path:
        """Where the NFS driver looks for the share: named by the driver after the share's address."""
        address = f"127.0.0.1:{self.volume_share(cloud)}"
        name = hashlib.md5(address.encode(), usedforsecurity=False).hexdigest()
        return self.cloud_dir(cloud) / "mnt" / name

    def shared_port(self, name: str) -> int:
        return self.port_base + SHARED_PORTS[name]

    def cloud_port(self, index: int, name: str) -> int:
        """Port of `name` (see CLOUD_PORTS) in the cloud with that index, from 0."""
        return self.port_base + PORTS_PER_CLOUD * (index + 1) + CLOUD_PORTS[name]

    def url(self, index: int, name: str) -> str:
        return f"http://127.0.0.1:{self.cloud_port(index, name)}"

    def ports(self, clouds: int) -> dict[str, int]:
        """Every port the lab listens on, by what listens there."""
        found = {name: self.shared_port(name) for name in SHARED_PORTS}
        for index in range(clouds):
            found.update(self.cloud_ports(index))
        return found

    def cloud_ports(self, index: int) -> dict[str, int]:
        """The ports of the cloud with that index, by what listens there."""
        return {f"cloud {index + 1} {name}": self.cloud_port(index, name) for name in CLOUD_PORTS}

    def tunnel_address(self, cloud_index: int, node_number: int) -> str:
        """A loopback address for a chassis; nothing listens there, but no two chassis may share one."""
        return f"127.{1 + self.port_base // 256}.{cloud_index + 1}.{node_number}"
