"""What it costs to list nodes and servers: requests, wall and CPU seconds, memory; beside bare parallel requests of the same pages.

Run `python benchmarks/inventory.py` in a checkout. A simulated cloud (tests/simulated) runs as a process of its own and answers each request
after 20 ms plus 1 ms per detailed server (0.1 ms per row of other lists), all in parallel, as a cloud with many API workers would. The
yardstick sends exactly the requests that we sent, known beforehand, with the same concurrency, and parses their JSON. Each figure comes
from a fresh process. Nothing here is a test: figures differ from machine to machine.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CONCURRENCY = 8
SERVERS_PER_NODE = 20
LATENCY_MS, ROW_MS = 20, 1
LISTS = ("nodes --summary", "nodes", "servers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, url, requests = options.measure
        print(json.dumps(measure(what, url, requests)))
        return
    print(
        f"{CONCURRENCY} requests at once, {LATENCY_MS} ms per request, {ROW_MS} ms per detailed server, {SERVERS_PER_NODE} servers per node"
    )
    print(
        f"{'nodes':>6} {'servers':>7} {'list':<16} {'requests':>8} {'wall s':>7} {'bare s':>7} {'ratio':>6} {'CPU s':>6} {'bare':>6} {'RSS MB':>7} {'bare':>5}"
    )
    for nodes in options.nodes:
        for what in LISTS:
            with simulated(nodes) as url:
                show(nodes, what, url)


def show(nodes: int, what: str, url: str) -> None:
    warm(what, url)  # the simulated cloud renders its pages once
    ours = run(what, url, "")
    requests = sent(url)[int(ours["before"]) :]
    bare = run("bare", url, json.dumps(requests))
    ratio = ours["wall"] / bare["wall"]
    print(
        f"{nodes:>6} {nodes * SERVERS_PER_NODE:>7} {what:<16} {len(requests):>8} {ours['wall']:>7.2f} {bare['wall']:>7.2f} {ratio:>6.2f}"
        f" {ours['cpu']:>6.2f} {bare['cpu']:>6.2f} {ours['rss']:>7.0f} {bare['rss']:>5.0f}",
        flush=True,
    )


@contextmanager
def simulated(nodes: int) -> Iterator[str]:
    command = [
        sys.executable, "-m", "tests.simulated", "--nodes", str(nodes), "--servers", str(nodes * SERVERS_PER_NODE),
        "--latency-ms", str(LATENCY_MS), "--row-ms", str(ROW_MS),
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


def run(what: str, url: str, requests: str) -> dict[str, float]:
    """Measure in a fresh process; the requests travel by a file, as there may be many."""
    path = Path(f"/tmp/pumphouse-inventory-{os.getpid()}.json")
    path.write_text(requests)
    try:
        command = [sys.executable, __file__, "--measure", what, url, str(path)]
        found: dict[str, float] = json.loads(
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        )
    finally:
        path.unlink()
    return found


def warm(what: str, url: str) -> None:
    run(what, url, "")


def sent(url: str) -> list[list[str]]:
    import requests

    found: list[list[str]] = requests.get(f"{url}/identity/v3/_log", timeout=60).json()
    return found


def measure(what: str, url: str, path: str) -> dict[str, float]:
    auth = {
        "auth_url": f"{url}/identity/v3",
        "username": "admin",
        "password": "sesame",
        "project_name": "admin",
    }
    call = bare(url, auth, json.loads(Path(path).read_text())) if what == "bare" else ours(what, auth)
    before = len(sent(url))
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "rss": usage.ru_maxrss / 1024,
        "before": before,
    }


def ours(what: str, auth: dict[str, str]) -> Any:
    from pumphouse.drivers.clock import SystemClock
    from pumphouse.drivers.openstack.access import CloudSettings
    from pumphouse.drivers.openstack.cloud import OpenStackCloud

    cloud = OpenStackCloud(
        "big", CloudSettings("big", "password", auth, concurrency=CONCURRENCY), SystemClock()
    )
    cloud.check()  # token and version documents are had by any running process; the yardstick has its token too
    if what == "servers":
        return lambda: sum(1 for _ in cloud.servers())
    return lambda: cloud.nodes(summary="--summary" in what)


def bare(url: str, auth: dict[str, str], wanted: list[list[str]]) -> Any:
    import requests
    from keystoneauth1.identity.v3 import Password
    from keystoneauth1.session import Session

    token = Session(Password(user_domain_id="default", project_domain_id="default", **auth)).get_token()
    local = threading.local()

    def fetch(each: list[str]) -> None:
        target, service, microversion = each
        if not hasattr(local, "session"):
            local.session = requests.Session()
        headers = {"X-Auth-Token": token, "OpenStack-API-Version": f"{service} {microversion}"}
        local.session.get(url + target, headers=headers, timeout=60).json()

    def all_at_once() -> None:
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            for _ in pool.map(fetch, wanted):
                pass

    return all_at_once


if __name__ == "__main__":
    main()
