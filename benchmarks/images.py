"""A large image from the lab's old Glance to its new one: ours, hashes and comparison included, against `curl | curl`, in turns on the same clouds.

Needs a running lab. Run: python benchmarks/images.py [MEBIBYTES] [ROUNDS]   (512 and 3 without). Each copy runs in a process of its own, so that its CPU seconds and its
peak memory are its own. `stream s` is the copy without the start of its process. Goal: at least 0.95 of the pipe's throughput, memory flat. The
last lines are of four images at once.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.openstack.access import load_entry
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.drivers.transfer.images import GlanceImageTransfer
from pumphouse.drivers.transfer.throttle import Throttle
from pumphouse.lab.layout import default_state_dir

MIB = 1 << 20
NAME = "pumphouse-benchmark"
AT_ONCE = 4


@dataclass
class Measured:
    wall_s: float
    cpu_s: float
    peak_mib: float
    stream_s: float = 0.0
    """of the slowest copy, where the process tells"""


def main() -> None:
    if sys.argv[1:2] == ["copy"]:
        print(json.dumps(copied(sys.argv[2], sys.argv[3:])))
        return
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    old, new = cloud("old"), cloud("new")
    clear(old, new)
    try:
        source = made(old)
        old.upload("image", f"/images/{source}/file", noise(size), size=size * MIB)
        print(f"{size} MiB, {rounds} rounds in turns, {os.cpu_count()} cores\n")
        print(f"{'':34}{'MiB/s':>8}{'wall s':>9}{'CPU s':>8}{'peak MiB':>10}{'stream s':>10}")
        for number in range(rounds):
            target = made(new)
            show(f"curl | curl, round {number + 1}", size, pipe(old, new, source, target))
            new.delete("image", f"/images/{target}")
            target = made(new)
            show(f"pumphouse, round {number + 1}", size, ours(source, [target]))
            new.delete("image", f"/images/{target}")
        targets = [made(new) for _ in range(AT_ONCE)]
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            pipes = list(pool.map(lambda target: pipe(old, new, source, target), targets))
        together = Measured(
            time.monotonic() - began, sum(p.cpu_s for p in pipes), sum(p.peak_mib for p in pipes)
        )
        show(f"{AT_ONCE} x curl | curl at once", AT_ONCE * size, together)
        for target in targets:
            new.delete("image", f"/images/{target}")
        targets = [made(new) for _ in range(AT_ONCE)]
        show(f"pumphouse, {AT_ONCE} at once", AT_ONCE * size, ours(source, targets))
    finally:
        clear(old, new)
        old.close()
        new.close()


def cloud(name: str) -> Transport:
    return Transport(name, load_entry(name, str(default_state_dir() / "clouds.yaml")), SystemClock())


def clear(*clouds: Transport) -> None:
    for each in clouds:
        for row in each.rows("image", "/images", "images", params={"name": NAME}):
            each.delete("image", f"/images/{row['id']}")


def made(end: Transport) -> str:
    body = {"name": NAME, "disk_format": "raw", "container_format": "bare", "visibility": "private"}
    return str(end.write("image", "POST", "/images", json=body)["id"])


def noise(mebibytes: int) -> Any:
    piece = os.urandom(MIB)
    for number in range(mebibytes):
        yield number.to_bytes(8, "big") + piece[8:]


def pipe(old: Transport, new: Transport, source: str, target: str) -> Measured:
    """What a person would type. The tokens are read by curl from files of descriptors, so that they stand in no list of processes."""
    from_, to = (f"{each.endpoint('image').url}/images/" for each in (old, new))
    script = (
        f'curl -sf -H @<(echo "X-Auth-Token: $OLD") {from_}{source}/file'
        f" | curl -sf -X PUT -T - -H 'Content-Type: application/octet-stream' -H @<(echo \"X-Auth-Token: $NEW\") {to}{target}/file"
    )
    env = {**os.environ, "OLD": token(old), "NEW": token(new)}
    return measured(["bash", "-c", f"set -o pipefail; {script}"], env)


def ours(source: str, targets: list[str]) -> Measured:
    return measured([sys.executable, __file__, "copy", source, *targets], dict(os.environ))


def copied(source: str, targets: list[str]) -> list[float]:
    ends = {name: cloud(name) for name in ("old", "new")}
    transfer = GlanceImageTransfer(ends.__getitem__, SystemClock(), Throttle(0, SystemClock()))
    with ThreadPoolExecutor(len(targets)) as pool:
        done = pool.map(
            lambda target: transfer.copy_image("old", source, "new", target, lambda *_: None), targets
        )
        copies = list(done)
    assert len({each.digest for each in copies}) == 1
    return [each.seconds for each in copies]


def measured(command: list[str], env: dict[str, str]) -> Measured:
    """Wall time, and CPU time and largest process of the command alone."""
    watcher = (
        "import json,resource,subprocess,sys,time; t=time.monotonic(); r=subprocess.run(sys.argv[1:],stdout=subprocess.PIPE,text=True);"
        "w=time.monotonic()-t; u=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([r.returncode,w,u.ru_utime+u.ru_stime,u.ru_maxrss/1024,r.stdout]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", watcher, *command], env=env, capture_output=True, text=True, check=True
    )
    code, wall_s, cpu_s, peak_mib, told = json.loads(said.stdout)
    assert code == 0, f"it failed: {said.stderr[-2000:]}"
    return Measured(wall_s, cpu_s, peak_mib, max(json.loads(told), default=0.0) if told else 0.0)


def token(end: Transport) -> str:
    end.project_id()
    return end._identity.headers()["X-Auth-Token"]


def show(what: str, mebibytes: int, found: Measured) -> None:
    rate = mebibytes / found.wall_s
    print(
        f"{what:34}{rate:8.1f}{found.wall_s:9.2f}{found.cpu_s:8.2f}{found.peak_mib:10.0f}{found.stream_s or found.wall_s:10.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
