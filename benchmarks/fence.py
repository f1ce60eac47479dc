"""What it costs to swap the roles of a tenant of 500 users and 200 groups, and to give them back, on the lab's Keystone; and how it grows.

Run `python -m benchmarks.fence [--cloud new]` while the lab is up; users, groups and tenants are made and removed, and everything is typed as a
person would. The time that the services believe old tokens is waited out between the two, and not counted. Nothing here is a test.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from benchmarks.tenant_people import LAB, tenant
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.openstack.access import load_entry
from pumphouse.drivers.openstack.tenants import OpenStackTenants
from pumphouse.drivers.openstack.transport import Transport

SIZES = ((125, 50), (250, 100), (500, 200))
AT_ONCE = 8
"""As many as the workflow's own `parallel`."""
ON, OFF = ("give_reader", "withdraw_roles"), ("grant_roles_again", "take_reader")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cloud", default="new")
    parser.add_argument("--lab", type=Path, default=LAB)
    options = parser.parse_args()
    settings = load_entry(options.cloud, str(options.lab / "clouds.yaml"))
    heads = (
        "users",
        "groups",
        "grants",
        "changes",
        "plan s",
        "swap s",
        "ms each",
        "back s",
        "bare s",
        "ratio",
    )
    print("".join(f"{head:>9}" for head in heads))
    with tempfile.TemporaryDirectory() as state:
        typed(
            state,
            "env",
            "add",
            "bench",
            "--deployer",
            "lab",
            "--cloud",
            options.cloud,
            "--config",
            str(options.lab / "clouds.yaml"),
        )
        for users, groups in SIZES:
            with tenant(settings, users, groups) as tenant_id:
                show(options.cloud, settings, state, tenant_id, users, groups)


def show(cloud: str, settings: Any, state: str, tenant_id: str, users: int, groups: int) -> None:
    driver = OpenStackTenants(cloud, settings, SystemClock())
    before = sorted(g.key for g in driver.grants(tenant_id))
    began = time.perf_counter()
    typed(state, "tenant", "maintenance", "on", f"bench/{tenant_id}", "--means", "roles", "--dry-run")
    plan_s = time.perf_counter() - began
    on = typed(state, "tenant", "maintenance", "on", f"bench/{tenant_id}", "--means", "roles", "--yes")
    changes, swap_s = taken(on, ON)
    off = typed(state, "tenant", "maintenance", "off", f"bench/{tenant_id}", "--yes")
    _, back_s = taken(off, OFF)
    assert sorted(g.key for g in driver.grants(tenant_id)) == before, "not as before"
    bare_s = bare_writes(driver, settings, tenant_id) * changes
    print(
        f"{users:>9}{groups:>9}{len(before):>9}{changes:>9}{plan_s:>9.1f}{swap_s:>9.1f}"
        f"{1000 * swap_s / changes:>9.1f}{back_s:>9.1f}{bare_s:>9.1f}{swap_s / bare_s:>9.2f}",
        flush=True,
    )
    driver.close()


def bare_writes(driver: OpenStackTenants, settings: Any, tenant_id: str) -> float:
    """Seconds that Keystone takes for one assignment that is made or taken, with as many at once and nothing around it."""
    http = Transport("bench", settings, SystemClock())
    headers = dict(http._identity.headers())
    base = (
        http._identity.url_of("identity").rstrip("/").removesuffix("/v3") + f"/v3/projects/{tenant_id}/users"
    )
    roles, local = driver.roles(), threading.local()
    users = sorted({g.holder_id for g in driver.grants(tenant_id) if g.holder_kind == "user"})
    urls = [f"{base}/{user}/roles/{roles[name]}" for user in users for name in ("reader", "service")]

    def send(each: tuple[str, str]) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        local.session.request(*each, headers=headers, timeout=60).raise_for_status()

    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for method in ("PUT", "DELETE"):
            for _ in pool.map(send, [(method, url) for url in urls]):
                pass
    http.close()
    return (time.perf_counter() - began) / (2 * len(urls))


def taken(operation: Any, steps: tuple[str, ...]) -> tuple[int, float]:
    """How many items these steps had, and the seconds that they took."""
    chosen = [step for step in operation["steps"] if step["name"] in steps]
    count = sum(sum(step["counts"].values()) for step in chosen)
    return count, sum(
        (datetime.fromisoformat(s["ended_at"]) - datetime.fromisoformat(s["started_at"])).total_seconds()
        for s in chosen
    )


def typed(state: str, *words: str) -> Any:
    """What the command answers, as JSON."""
    said = subprocess.run(
        [str(Path(sys.executable).parent / "pumphouse"), *words, "-o", "json"],
        env={**os.environ, "PUMPHOUSE_STATE_DIR": state}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if said.returncode:
        raise SystemExit(f"pumphouse {' '.join(words)}: exit {said.returncode}\n{said.stderr[-2000:]}")
    return json.loads(said.stdout)


if __name__ == "__main__":
    main()
