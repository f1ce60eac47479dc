"""What it costs to read the settings of a large cloud: requests, wall and CPU seconds, memory.

Run `python benchmarks/settings.py` in a checkout. A simulated cloud (tests/simulated) runs as a process of its own and answers each request after
20 ms plus 0.1 ms per row, all in parallel, as a cloud with many API workers would. Each figure comes from a fresh process. Nothing here is a
test: figures differ from machine to machine.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
LATENCY_MS, ROW_MS = 20, 1
SIZES = (
    {"nodes": 3, "networks": 20, "flavors": 10, "aggregates": 2},
    {"nodes": 100, "networks": 200, "flavors": 50, "aggregates": 20},
    {"nodes": 1000, "networks": 2000, "flavors": 500, "aggregates": 200},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    print(f"8 requests at once, {LATENCY_MS} ms per request, {ROW_MS / 10} ms per row")
    print(
        f"{'nodes':>6} {'networks':>9} {'flavors':>8} {'aggregates':>11} {'settings':>9} {'requests':>9} {'wall s':>7} {'CPU s':>6} {'RSS MB':>7}"
    )
    for size in SIZES:
        with simulated(size) as url:
            run(url)  # the simulated cloud renders its pages once
            found = run(url)
        print(
            f"{size['nodes']:>6} {size['networks']:>9} {size['flavors']:>8} {size['aggregates']:>11} {found['settings']:>9.0f} {found['requests']:>9.0f}"
            f" {found['wall']:>7.2f} {found['cpu']:>6.2f} {found['rss']:>7.0f}",
            flush=True,
        )


@contextmanager
def simulated(size: dict[str, int]) -> Iterator[str]:
    command = [
        sys.executable, "-m", "tests.simulated", "--servers", "0", "--latency-ms", str(LATENCY_MS), "--row-ms", str(ROW_MS),
        *(word for name, number in size.items() for word in (f"--{name}", str(number))),
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def run(url: str) -> dict[str, float]:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--measure", url]
    found: dict[str, float] = json.loads(
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    )
    return found


def measure(url: str) -> dict[str, float]:
    import requests

    from pumphouse.drivers.clock import SystemClock
    from pumphouse.drivers.openstack.access import CloudSettings
    from pumphouse.drivers.openstack.settings import OpenStackSettings

    auth = {
        "auth_url": f"{url}/identity/v3",
        "username": "admin",
        "password": "sesame",
        "project_name": "admin",
    }
    log = f"{url}/identity/v3/_log"
    before = len(requests.get(log, timeout=60).json())
    reader = OpenStackSettings("big", CloudSettings("big", "password", auth), SystemClock())
    wall, cpu = time.perf_counter(), time.process_time()
    found = reader.read()
    taken = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "settings": len(found),
        "requests": len(requests.get(log, timeout=60).json()) - before,
    }
    reader.close()
    return taken


if __name__ == "__main__":
    main()
