"""The lab itself: idempotent, honest about its processes, on loopback alone, gone without a trace; a second one beside it."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pumphouse.lab import Lab
from tests.lab import clouds
from tests.lab.conftest import PORT_BASE, TestLab
from tests.lab.console import Console

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab(any_lab: TestLab) -> TestLab:
    """In any shape."""
    return any_lab


def processes(console: Console) -> dict[str, dict[str, Any]]:
    """`lab status` by process name."""
    return {p["name"]: p for p in json.loads(console("lab", "status", "-o", "json").out)}


def test_every_process_runs_and_is_described(lab: TestLab) -> None:
    found = processes(lab.console)
    assert len(found) > 30
    for name, process in found.items():
        assert process["status"] == "running", process
        assert {"id", "name", "status", "environment", "pid"} <= set(process)
        assert psutil.pid_exists(process["pid"]), name
    assert {p["environment"] for p in found.values()} == {"shared", "old", "new"}


def test_up_again_changes_nothing(lab: TestLab) -> None:
    before = {name: p["pid"] for name, p in processes(lab.console).items()}
    said = lab.console("lab", "up")
    assert said.code == 0, said.err
    assert {name: p["pid"] for name, p in processes(lab.console).items()} == before


def listeners(*, below: Path) -> dict[int, set[str]]:
    """Port -> addresses of all sockets that processes with a trace of this lab listen on."""
    found: dict[int, set[str]] = {}
    for process in psutil.process_iter():
        try:
            if str(below) not in " ".join([*process.cmdline(), *process.environ().values()]):
                continue
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    found.setdefault(connection.laddr.port, set()).add(connection.laddr.ip)
        except psutil.Error:
            continue
    return found


def test_only_loopback_and_only_its_own_ports(lab: TestLab) -> None:
    found = listeners(below=lab.directory)
    assert len(found) > 12
    for port, addresses in found.items():
        assert all(a.startswith("127.") or a in {"::1", "::ffff:127.0.0.1"} for a in addresses), (
            port,
            addresses,
        )
        assert int(PORT_BASE) <= port < int(PORT_BASE) + 500


def test_a_process_that_dies_is_named_with_its_last_words(lab: TestLab) -> None:
    machine = Lab(lab.directory)
    machine.kill("new-cinder-scheduler")
    said = lab.console("lab", "status", "-o", "json")
    assert said.code == 1
    dead = next(p for p in said.json() if p["name"] == "new-cinder-scheduler")
    assert dead["status"] == "dead"
    shown = lab.console("lab", "status")
    assert "new-cinder-scheduler" in shown.out + shown.err
    assert lab.console("lab", "logs", "new-cinder-scheduler").out.strip()
    assert lab.console("lab", "up").code == 0
    assert processes(lab.console)["new-cinder-scheduler"]["status"] == "running"


@pytest.mark.parametrize("cloud", ["old", "new"])
def test_a_policy_written_to_policy_d_counts_at_once(lab: TestLab, cloud: str) -> None:
    connection = lab.cloud(cloud)
    path = Lab(lab.directory).policy_dir(cloud, "nova") / "deny.yaml"
    assert connection.compute.get("/servers").status_code == 200
    path.write_text('"os_compute_api:servers:index": "!"\n')
    try:
        clouds.wait_for("the denial", lambda: connection.compute.get("/servers").status_code == 403, 20)
    finally:
        path.unlink()
    clouds.wait_for("access again", lambda: connection.compute.get("/servers").status_code == 200, 20)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--cloud", "x=1999.9"), "1999.9"),
        (("--cloud", "x=2026.2:many"), "many"),
        (("--port-base", "70000"), "70000"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(
    lab: TestLab, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    said = lab.console("lab", "up", "--state-dir", str(tmp_path / "x"), *words)
    assert said.code == 2, said
    assert says in said.err
    assert not (tmp_path / "x").exists()


def test_a_port_in_use_is_named_before_anything_starts(lab: TestLab, tmp_path: Path) -> None:
    base = int(PORT_BASE) + 3000
    with socket.create_server(("127.0.0.1", base + 135)):
        said = lab.console("lab", "up", "--state-dir", str(tmp_path / "x"), "--port-base", str(base))
    assert said.code in {1, 2}
    assert str(base + 135) in said.err
    assert not listeners(below=tmp_path)


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "beside"
    Lab(tmp_path / "beside").down(wipe=True)


@pytest.mark.long
def test_a_second_lab_runs_beside_it_and_leaves_no_trace(lab: TestLab, beside: Path) -> None:
    first = {name: p["pid"] for name, p in processes(lab.console).items()}
    words = (
        "--state-dir",
        str(beside),
        "--port-base",
        str(int(PORT_BASE) + 2000),
        "--cloud",
        "solo=2026.2:1",
    )
    said = lab.console("lab", "up", *words, timeout_s=900)
    assert said.code == 0, said.err[-3000:]
    solo = clouds.connect(beside / "clouds.yaml", "solo")
    assert clouds.compute_hosts(solo) == {"node-1": ("enabled", "up")}
    assert clouds.boot(solo, "alone").compute_host == "node-1"
    assert {name: p["pid"] for name, p in processes(lab.console).items()} == first

    # stopped, it keeps its clouds
    assert lab.console("lab", "down", "--state-dir", str(beside)).code == 0
    assert not listeners(below=beside)
    assert not mounts_below(beside)
    said = lab.console("lab", "up", "--state-dir", str(beside), timeout_s=600)
    assert said.code == 0, said.err[-3000:]
    assert {s.name for s in clouds.servers(solo).values()} == {"alone"}

    # wiped, it leaves nothing
    rams = set(Path("/dev/shm").glob("pumphouse-lab-*"))
    assert lab.console("lab", "down", "--wipe", "--state-dir", str(beside)).code == 0
    assert not beside.exists()
    assert not mounts_below(beside)
    assert not [p.pid for p in psutil.process_iter() if is_of(p, beside)]
    assert len(rams - set(Path("/dev/shm").glob("pumphouse-lab-*"))) == 1
    assert {name: p["pid"] for name, p in processes(lab.console).items()} == first


def mounts_below(path: Path) -> list[str]:
    return [line for line in Path("/proc/mounts").read_text().splitlines() if str(path) in line]


def is_of(process: psutil.Process, path: Path) -> bool:
    try:
        return str(path) in " ".join([*process.cmdline(), *process.environ().values()])
    except psutil.Error:
        return False


def test_reset_brings_fresh_clouds_in_the_first_shape(lab: TestLab) -> None:
    old = lab.cloud("old")
    clouds.boot(old, "will-be-gone")
    Lab(lab.directory).stop_node("old", "node-2")
    lab.reset("that it can be is under test")
    assert set(clouds.compute_hosts(lab.cloud("old"))) == {"node-1", "node-2", "node-3"}
    assert not clouds.servers(lab.cloud("old"))
    assert {e["name"] for e in lab.console.ok("env", "list")} == {"old", "new"}


def test_env_and_path_serve_the_openstack_client(lab: TestLab) -> None:
    assert Path(lab.console("lab", "path").out.strip()) == lab.directory
    assert "OS_CLIENT_CONFIG_FILE" in lab.console("lab", "env").out
    assert shutil.which("openstack", path=lab.console.environment["PATH"])
    assert lab.console.openstack("old", "token", "issue")["project_id"]
