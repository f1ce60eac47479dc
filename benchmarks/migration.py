"""`pumphouse tenant migrate` of a tenant with many small things, against bare requests that copy the same with Neutron's bulk calls.

Needs a running lab. Run: python benchmarks/migration.py [--sizes 20,200] [--rounds 3] [--requests]

A tenant of N networks, N subnets and N security groups with 5 rules each is made in `old` and copied to `new` in turns: by the whole command as a person runs it (its start,
its plan, the inventory behind it, the copying, the comparison field by field; no fence, as that is no copying), and by a plain script with one login to each cloud: three lists
read, then one POST for all networks, one for all subnets, one for all groups, and one for the rules of each group. Wall and CPU seconds, memory and logins are those of the whole
process. Goals: at most 1.3 of the bare requests' wall time, 0.05 CPU seconds per resource, and both the same per resource for ten times as many.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.openstack.access import load_entry
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.lab.layout import default_state_dir

NAME = "bench-migration"
RULES = 5
CLOUDS = default_state_dir() / "clouds.yaml"
LIMITS = ("network", "subnet", "security_group", "security_group_rule")
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="20,200", help="how many networks, subnets and groups each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", action="store_true", help="also show what was requested")
    options = parser.parse_args()
    old, new = cloud("old"), cloud("new")
    try:
        print(
            f"{'':30}{'wall s':>8}{'CPU s':>8}{'CPU s each':>12}{'peak MiB':>10}{'logins':>8}{'requests':>10}"
        )
        for size in map(int, options.sizes.split(",")):
            one_size(old, new, size, options)
    finally:
        for each in (old, new):
            clear(each)
            each.close()


def one_size(old: Transport, new: Transport, size: int, options: argparse.Namespace) -> None:
    count = 3 * size
    clear(old)
    populated(old, size)
    print(f"\n{size} networks, {size} subnets, {size} security groups with {RULES} rules each")
    found: dict[str, list[dict[str, Any]]] = {"bare requests": [], "pumphouse": []}
    for number in range(options.rounds):
        for what, run in (("bare requests", bare_once), ("pumphouse", ours_once)):
            clear(new)
            took = run(new, size)
            complete(new, size)
            found[what].append(took)
            print(
                f"{f'{what}, round {number + 1}':30}{took['wall']:8.2f}{took['cpu']:8.2f}{took['cpu'] / count:12.3f}{took['rss']:10.0f}{took['logins']:8}"
                f"{sum(took['requests'].values()):10}",
                flush=True,
            )
            if took.get("parts"):
                print(
                    "    " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in took["parts"].items())
                )
            if options.requests:
                for request, times in sorted(took["requests"].items()):
                    print(f"        {times:5} {request}")
    bare, ours = (min(one["wall"] for one in each) for each in found.values())
    print(f"    pumphouse needs {ours / bare:.2f} of the bare requests' time (best of {options.rounds} each)")


def bare_once(new: Transport, size: int) -> dict[str, Any]:
    target = project(new, f"{NAME}-bare")
    limits(new, target, size)
    return measured("bare_migration.py", [NAME, target])


def ours_once(new: Transport, size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as state:
        extra = {"PUMPHOUSE_STATE_DIR": state}
        for name in ("old", "new"):
            measured("counted.py", ["env", "add", name, "--cloud", name], extra)
        began = time.time()
        command = ["tenant", "migrate", f"old/{NAME}", "--to", "new", "--no-fence", "--yes", "-o", "json"]
        took = measured("counted.py", command, extra)
        operation = json.loads(took["out"])
        assert operation["status"] == "done", operation
        took["parts"] = parts(operation, began, began + took["wall"])
        return took


def parts(operation: Mapping[str, Any], began: float, ended: float) -> dict[str, float]:
    """Where the time went: `start and plan` is all before the first step, `end` all behind the last."""
    times = {
        step["name"]: [datetime.fromisoformat(step[at]).timestamp() for at in ("started_at", "ended_at")]
        for step in operation["steps"]
        if step["started_at"] and step["ended_at"]
    }
    first, last = min(t[0] for t in times.values()), max(t[1] for t in times.values())
    spent = {name: t[1] - t[0] for name, t in times.items()}
    named = {
        "people": spent.pop("meet_people", 0),
        "inventory": spent.pop("take_inventory", 0),
        **{
            kind: spent.pop(f"copy_{kind}", 0)
            for kind in ("network", "subnet", "security_group", "security_group_rules")
        },
    }
    return {
        "start and plan": first - began,
        **named,
        "other steps": sum(spent.values()),
        "between": last - first - sum(named.values()) - sum(spent.values()),
        "end": ended - last,
    }


# -- the two clouds


def cloud(name: str) -> Transport:
    return Transport(name, replace(load_entry(name, str(CLOUDS)), read_s=600), SystemClock())


def project(at: Transport, name: str) -> str:
    body = {"project": {"name": name, "domain_id": "default"}}
    return str(at.write("identity", "POST", "/projects", json=body)["project"]["id"])


def limits(at: Transport, project_id: str, size: int) -> None:
    """Room for it: a project may have 10 security groups and 100 rules."""
    quota = dict.fromkeys(LIMITS, (3 + RULES) * size + 10)
    at.write("network", "PUT", f"/quotas/{project_id}", json={"quota": quota})


def populated(at: Transport, size: int) -> None:
    tenant = project(at, NAME)
    limits(at, tenant, size)
    networks = [{"name": f"net-{n}", "description": f"of floor {n}"} for n in range(size)]
    made = bulk(at, "network", networks, tenant)
    bulk(at, "subnet", [subnet(network["id"], n) for n, network in enumerate(made)], tenant)
    groups = [{"name": f"group-{n}", "description": f"of service {n}"} for n in range(size)]
    for group in bulk(at, "security_group", groups, tenant):
        bulk(at, "security_group_rule", [rule(group["id"], n) for n in range(RULES)], tenant)


def subnet(network_id: str, number: int) -> dict[str, Any]:
    prefix = f"10.{40 + number // 250}.{number % 250}"
    pools = [{"start": f"{prefix}.10", "end": f"{prefix}.200"}]
    return {
        "network_id": network_id, "name": f"subnet-{number}", "ip_version": 4, "cidr": f"{prefix}.0/24", "allocation_pools": pools,
        "dns_nameservers": ["192.0.2.53"],
    }  # fmt: skip


def rule(group_id: str, number: int) -> dict[str, Any]:
    port = 8000 + number
    return {
        "security_group_id": group_id, "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": port, "port_range_max": port,
        "remote_ip_prefix": "198.51.100.0/24",
    }  # fmt: skip


def bulk(at: Transport, one: str, wanted: list[dict[str, Any]], tenant: str) -> list[dict[str, Any]]:
    path, many = f"/{one.replace('_', '-')}s", f"{one}s"
    made: list[dict[str, Any]] = []
    rest = iter([{**each, "project_id": tenant} for each in wanted])
    while some := list(islice(rest, 10)):
        made += at.write("network", "POST", path, json={many: some})[many]
    return made


def owned(at: Transport, tenant: str, path: str, many: str) -> list[str]:
    rows = at.rows("network", path, many, params={"project_id": tenant, "fields": ("id", "name")})
    return [row["id"] for row in rows if row["name"] != "default"]


def complete(new: Transport, size: int) -> None:
    """That nobody was fast by leaving something out."""
    tenant = projects(new)[0]
    for path, many in (("/networks", "networks"), ("/subnets", "subnets"), ("/security-groups", "security_groups")):  # fmt: skip
        assert len(owned(new, tenant, path, many)) == size, many
    rules = new.rows("network", "/security-group-rules", "security_group_rules", params={"project_id": tenant, "direction": "ingress", "protocol": "tcp", "fields": "id"})  # fmt: skip
    assert len(rules) == size * RULES, len(rules)


def projects(at: Transport) -> list[str]:
    rows = at.get("identity", "/projects")["projects"]
    return [str(row["id"]) for row in rows if row["name"] in (NAME, f"{NAME}-bare")]


def clear(at: Transport) -> None:
    for tenant in projects(at):
        for path, many in (("/security-groups", "security_groups"), ("/networks", "networks")):
            remove = [partial(at.delete, "network", f"{path}/{one}") for one in owned(at, tenant, path, many)]
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda call: call(), remove))
        default = at.rows("network", "/security-groups", "security_groups", params={"project_id": tenant})
        at.delete("network", f"/quotas/{tenant}")
        at.delete("identity", f"/projects/{tenant}")
        # with its project gone it is one like the others
        for row in default:
            at.delete("network", f"/security-groups/{row['id']}")


# -- the processes that are measured


def measured(program: str, words: list[str], extra: Mapping[str, str] | None = None) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile() as told:
        env = {
            **os.environ,
            "OS_CLIENT_CONFIG_FILE": str(CLOUDS),
            "BENCHMARK_TOLD": told.name,
            **(extra or {}),
        }
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        ended = subprocess.run([sys.executable, str(HERE / program), *words], env=env, capture_output=True, text=True, check=False)  # fmt: skip
        wall = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert ended.returncode == 0, ended.stderr[-3000:] + ended.stdout[-3000:]
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {**json.loads(Path(told.name).read_text()), "wall": wall, "cpu": cpu, "out": ended.stdout}


if __name__ == "__main__":
    main()
