"""When is a cloud up? Every API answers, and every service says *up* in its own list. Asked by `bringup`."""

from collections.abc import Callable, Iterable

import httpx

from pumphouse.lab.identity import CloudClient
from pumphouse.lab.layout import Layout
from pumphouse.lab.processes import Processes
from pumphouse.lab.waiting import wait_until

API_S = 240.0
SERVICES_S = 120.0
ANSWERS = {200, 300, 401}


def wait_for_api(
    processes: Processes,
    name: str,
    url: str,
    *,
    check: Callable[[], None] = lambda: None,
    timeout_s: float = API_S,
) -> None:
    """Until `url` answers sensibly; `check` is called at each turn and may raise to give up.

    Raises:
        ProcessDiedError: the process `name` died meanwhile.
        LabTimeoutError: it did not answer in time.
    """

    def answers() -> bool:
        check()
        processes.check_alive(name)
        try:
            return httpx.get(url, timeout=60, trust_env=False).status_code in ANSWERS
        except httpx.HTTPError:
            return False

    wait_until(answers, what=f"{name} answers", timeout_s=timeout_s, poll_s=0.25)


class CloudReadiness:
    """The lists in which a cloud's services report themselves."""

    def __init__(self, layout: Layout, index: int, client: CloudClient, backends: Iterable[str] = ()) -> None:
        """`backends` are the sections of cinder.conf that must report."""
        self._backends = tuple(backends)
        self._nova = layout.url(index, "nova-api") + "/v2.1"
        self._neutron = layout.url(index, "neutron") + "/v2.0"
        self._cinder = f"{layout.url(index, 'cinder-api')}/v3/{client.project_id}"
        self._client = client

    def down(self, nodes: list[str]) -> list[str]:
        """What is not up yet, in words; empty when the cloud is ready."""
        compute = self._client.get(f"{self._nova}/os-services")["services"]
        up = {(row["binary"], row["host"]) for row in compute if row["state"] == "up"}
        binaries = {binary for binary, _ in up}
        missing = [b for b in ("nova-conductor", "nova-scheduler") if b not in binaries]
        missing += [f"nova-compute on {node}" for node in nodes if ("nova-compute", node) not in up]
        volume = self._client.get(f"{self._cinder}/os-services")["services"]
        alive = {row["binary"] for row in volume if row["state"] == "up"}
        missing += [b for b in ("cinder-scheduler", "cinder-volume") if b not in alive]
        reporting = {row["host"].rpartition("@")[2] for row in volume if row["state"] == "up"}
        missing += [f"cinder-volume of {section}" for section in self._backends if section not in reporting]
        agents = self._client.get(f"{self._neutron}/agents")["agents"]
        hosts = {row["host"] for row in agents if row["alive"]}
        return missing + [f"network agent on {node}" for node in nodes if node not in hosts]

    def unmapped(self, nodes: list[str]) -> list[str]:
        """Nodes that the scheduler cannot use yet: Nova lists a hypervisor once its host is mapped to the cell."""
        listed = self._client.get(f"{self._nova}/os-hypervisors")["hypervisors"]
        return [node for node in nodes if node not in {row["hypervisor_hostname"] for row in listed}]
