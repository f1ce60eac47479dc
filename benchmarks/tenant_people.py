"""What it costs to learn everything about the people of a tenant of 500 users and 200 groups, on the lab's Keystone.

Run `python benchmarks/tenant_people.py [old new]` while the lab is up; it makes users, groups and a tenant and removes them. Beside it stand
bare requests: as many, of the same URLs, as many at once, with their JSON parsed. Nothing here is a test.
"""

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from pumphouse.domain.errors import PumphouseError
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.openstack.access import CloudSettings, load_entry
from pumphouse.drivers.openstack.tenants import OpenStackTenants
from pumphouse.drivers.openstack.transport import Transport

LAB = Path.home() / ".local/state/pumphouse/lab"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clouds", nargs="*", default=["old", "new"])
    parser.add_argument("--lab", type=Path, default=LAB)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--groups", type=int, default=200)
    options = parser.parse_args()
    print(
        f"{'cloud':<6} {'users':>5} {'groups':>6} {'grants':>6} {'roles':>6} {'requests':>8} {'people() s':>10} {'bare s':>7} {'ratio':>6}"
    )
    for cloud in options.clouds:
        settings = load_entry(cloud, str(options.lab / "clouds.yaml"))
        with tenant(settings, options.users, options.groups) as tenant_id:
            show(cloud, settings, tenant_id, options.users, options.groups)


def show(cloud: str, settings: CloudSettings, tenant_id: str, users: int, groups: int) -> None:
    driver = OpenStackTenants(cloud, settings, SystemClock())
    http: Any = driver._http  # to count what it sends
    sent = counted(http)
    driver.people(tenant_id)  # Keystone's cache is warm for both
    sent.clear()
    began = time.perf_counter()
    people = driver.people(tenant_id)
    ours = time.perf_counter() - began
    assert not people.gaps, people.gaps
    bare_s = bare(list(sent), dict(http._identity.headers()), settings.concurrency)
    print(
        f"{cloud:<6} {users:>5} {groups:>6} {len(people.grants):>6} {len(people.roles):>6} {len(sent):>8} {ours:>10.2f} {bare_s:>7.2f} {ours / bare_s:>6.2f}",
        flush=True,
    )
    driver.close()


def counted(http: Any) -> list[tuple[str, Any]]:
    """Every URL with its query, as it is sent."""
    sent: list[tuple[str, Any]] = []
    request: Callable[..., Any] = http._request

    def noted(what: str, url: str, method: str, headers: dict[str, str], content: Any) -> Any:
        sent.append((url, content.get("params")))
        return request(what, url, method, headers, content)

    http._request = noted
    return sent


def bare(wanted: Sequence[tuple[str, Any]], headers: dict[str, str], concurrency: int) -> float:
    local = threading.local()

    def fetch(each: tuple[str, Any]) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        with suppress(requests.ConnectionError):  # a list that this Keystone breaks off
            local.session.get(each[0], params=each[1], headers=headers, timeout=60).json()

    began = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        for _ in pool.map(fetch, wanted):
            pass
    return time.perf_counter() - began


@contextmanager
def tenant(settings: CloudSettings, users: int, groups: int) -> Iterator[str]:
    """Every user is in one group and every fifth holds a role himself; every group holds `member`, and some `reader` as well."""
    http = Transport("bench", settings, SystemClock())
    mark = f"bench-{uuid4().hex[:6]}"
    made: list[str] = []

    def make(path: str, key: str, **values: Any) -> str:
        answer = http.write("identity", "POST", path, json={key: {"domain_id": "default", **values}})
        made.append(f"{path}/{answer[key]['id']}")
        return str(answer[key]["id"])

    try:
        project = make("/projects", "project", name=mark)
        roles = {row["name"]: row["id"] for row in http.rows("identity", "/roles", "roles")}
        group_ids = http.gather(
            [lambda n=n: make("/groups", "group", name=f"{mark}-{n}") for n in range(groups)]
        )  # type: ignore[misc]
        user_ids = http.gather([lambda n=n: make("/users", "user", name=f"{mark}-{n}") for n in range(users)])  # type: ignore[misc]
        paths = [f"/groups/{group_ids[n % groups]}/users/{user}" for n, user in enumerate(user_ids)]
        paths += [f"/projects/{project}/groups/{group}/roles/{roles['member']}" for group in group_ids]
        paths += [f"/projects/{project}/groups/{group}/roles/{roles['reader']}" for group in group_ids[::4]]
        paths += [f"/projects/{project}/users/{user}/roles/{roles['member']}" for user in user_ids[::5]]
        http.gather([lambda path=path: http.write("identity", "PUT", path) for path in paths])  # type: ignore[misc]
        yield project
    finally:
        for path in reversed(made):
            with suppress(PumphouseError):
                http.delete("identity", path)
        http.close()


if __name__ == "__main__":
    main()
