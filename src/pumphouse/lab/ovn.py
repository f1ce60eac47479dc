"""A cloud's OVN: the two databases, northd, and the stand-in for the nodes' controllers. Used by `bringup` and `nodes`."""

import uuid
from collections.abc import Iterable
from functools import partial

from pumphouse.lab.layout import Layout
from pumphouse.lab.processes import Processes, ProcessSpec
from pumphouse.lab.release import GUEST
from pumphouse.lab.waiting import wait_until

SCHEMAS = "/usr/share/ovn"
CHASSIS_OPTIONS = (
    "datapath-type=system",
    "iface-types=geneve",
    "port-up-notif=true",
    "ct-no-masked-label=true",
    "mac-binding-timestamp=true",
    "ovn-cms-options=enable-chassis-as-gw",
)


BRIDGES = {"physnet1": "br-phys1", "public": "br-ex"}


def bridge_mappings(physical_networks: Iterable[str]) -> str:
    """Which bridge of a node leads to which physical network, as OVN writes it."""
    return ",".join(f"{name}:{BRIDGES.get(name, f'br-{name}')}" for name in physical_networks)


class Ovn:
    """OVN of one cloud."""

    def __init__(
        self, layout: Layout, processes: Processes, cloud: str, index: int,
        physical_networks: Iterable[str] = ("physnet1", "public"),
    ) -> None:  # fmt: skip
        self._mappings = f"ovn-bridge-mappings={bridge_mappings(physical_networks)}"
        self._layout = layout
        self._processes = processes
        self._cloud = cloud
        self._index = index
        self._dir = layout.ovn_dir(cloud)

    def names(self) -> list[str]:
        return [f"{self._cloud}-{part}" for part in ("ovn-nb", "ovn-sb", "ovn-northd", "ovn-chassis")]

    def start(self, python: str) -> None:
        """Start all four processes and wait for the databases; `python` is the release's interpreter."""
        self._dir.mkdir(parents=True, exist_ok=True)
        for side in ("nb", "sb"):
            self._start_database(side)
        for side in ("nb", "sb"):
            wait_until(partial(self._listening, side), what=f"{self._cloud}-ovn-{side} listens", timeout_s=30)
        self._processes.run("ovn-nbctl", "--no-leader-only", f"--db=unix:{self._dir}/nb.sock", "init")
        self._control("init")
        self._processes.start(
            ProcessSpec(
                f"{self._cloud}-ovn-northd",
                (
                    "ovn-northd", f"--ovnnb-db=unix:{self._dir}/nb.sock", f"--ovnsb-db=unix:{self._dir}/sb.sock",
                    f"--unixctl={self._dir}/northd.ctl", "-vconsole:warn",
                ),
                cloud=self._cloud,
            )
        )  # fmt: skip
        address = f"tcp:127.0.0.1:{self._layout.cloud_port(self._index, 'ovn-sb')}"
        self._processes.start(
            ProcessSpec(
                f"{self._cloud}-ovn-chassis",
                (python, str(GUEST / "ovn_chassis.py"), address),
                cloud=self._cloud,
            )
        )

    def _start_database(self, side: str) -> None:
        database = self._dir / f"{side}.db"
        if not database.exists():
            self._processes.run("ovsdb-tool", "create", str(database), f"{SCHEMAS}/ovn-{side}.ovsschema")
        port = self._layout.cloud_port(self._index, f"ovn-{side}")
        self._processes.start(
            ProcessSpec(
                f"{self._cloud}-ovn-{side}",
                (
                    "ovsdb-server", str(database), f"--remote=punix:{self._dir}/{side}.sock",
                    f"--remote=ptcp:{port}:127.0.0.1", f"--unixctl={self._dir}/{side}.ctl",
                    "--log-file=/dev/null", "-vconsole:warn", "--disable-file-column-diff",
                ),
                cloud=self._cloud,
                port=port,
            )
        )  # fmt: skip

    def _listening(self, side: str) -> bool:
        self._processes.check_alive(f"{self._cloud}-ovn-{side}")
        return (self._dir / f"{side}.sock").exists()

    def _control(self, *arguments: str) -> str:
        return self._processes.run(
            "ovn-sbctl", "--no-leader-only", f"--db=unix:{self._dir}/sb.sock", "--timeout=20", *arguments
        )

    def chassis_name(self, node: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self._cloud}.{node}"))

    def add_chassis(self, node: str, number: int) -> None:
        """Give `node` its chassis and private rows; `number` chooses its tunnel address. Present is fine."""
        name = self.chassis_name(node)
        address = self._layout.tunnel_address(self._index, number)
        options = [f"other_config:{option}" for option in (self._mappings, *CHASSIS_OPTIONS)]
        self._control(
            "--may-exist", "chassis-add", name, "geneve", address, "--", "set", "chassis", name,
            f"hostname={node}", *options,
        )  # fmt: skip
        if not self._find("Chassis_Private", name):
            (chassis,) = self._find("Chassis", name)
            self._control("create", "Chassis_Private", f"name={name}", f"chassis={chassis}")

    def remove_chassis(self, node: str) -> None:
        """Delete the rows of `node`; absent is fine."""
        name = self.chassis_name(node)
        self._control("--if-exists", "chassis-del", name)
        for row in self._find("Chassis_Private", name):
            self._control("destroy", "Chassis_Private", row)

    def has_chassis(self, node: str) -> bool:
        return bool(self._find("Chassis_Private", self.chassis_name(node)))

    def _find(self, table: str, name: str) -> list[str]:
        return self._control("--bare", "--columns=_uuid", "find", table, f"name={name}").split()
