"""What somebody would write who only wants a tenant's networks, subnets and security groups over there; migration.py measures this process.

python bare_migration.py TENANT PROJECT: from the tenant's project of this name in `old` into the project of this id in `new`.
"""

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import yaml
from counted import shape, tell


def main(name: str, target: str) -> None:
    entries = yaml.safe_load(Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text())["clouds"]
    sent: Counter[str] = Counter()
    with httpx.Client(timeout=300) as http:

        def call(method: str, url: str, token: str = "", body: Any = None) -> Any:
            sent[shape(httpx.URL(url).port or 0, method, url[url.index("/", 8) :])] += 1
            answer = http.request(method, url, json=body, headers={"X-Auth-Token": token} if token else {})
            assert answer.status_code < 400, answer.text
            return answer

        def login(cloud: str) -> tuple[str, str, str]:
            given = entries[cloud]["auth"]
            user = {"name": given["username"], "password": given["password"], "domain": {"name": "Default"}}
            scope = {"project": {"name": given["project_name"], "domain": {"name": "Default"}}}
            body = {
                "auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
            }
            answer = call("POST", f"{given['auth_url']}/auth/tokens", body=body)
            network = next(s for s in answer.json()["token"]["catalog"] if s["type"] == "network")
            url = next(e["url"] for e in network["endpoints"] if e["interface"] == "public").rstrip("/")
            return given["auth_url"], answer.headers["X-Subject-Token"], f"{url}/v2.0"

        keystone, old_token, old = login("old")
        _, token, new = login("new")
        source = call("GET", f"{keystone}/projects?name={name}", old_token).json()["projects"][0]["id"]

        def read(path: str, many: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = call("GET", f"{old}/{path}?project_id={source}", old_token).json()[many]  # fmt: skip
            return found

        def post(path: str, many: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            body = {many: [{**row, "project_id": target} for row in rows]}
            made: list[dict[str, Any]] = call("POST", f"{new}/{path}", token, body).json()[many]
            return made

        networks, subnets, groups = read("networks", "networks"), read("subnets", "subnets"), read("security-groups", "security_groups")  # fmt: skip
        wanted = ("name", "description", "admin_state_up", "port_security_enabled")
        made = post("networks", "networks", [{k: n[k] for k in wanted} for n in networks])
        ids = {a["id"]: b["id"] for a, b in zip(networks, made, strict=True)}
        wanted = ("name", "description", "ip_version", "cidr", "gateway_ip", "enable_dhcp", "allocation_pools", "dns_nameservers", "host_routes")  # fmt: skip
        post("subnets", "subnets", [{**{k: s[k] for k in wanted}, "network_id": ids[s["network_id"]]} for s in subnets])  # fmt: skip
        groups = [g for g in groups if g["name"] != "default"]
        new_groups = post("security-groups", "security_groups", [{k: g[k] for k in ("name", "description", "stateful")} for g in groups])  # fmt: skip
        wanted = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "description")  # fmt: skip
        for group, there in zip(groups, new_groups, strict=True):
            rules = [r for r in group["security_group_rules"] if r["direction"] == "ingress"]
            post("security-group-rules", "security_group_rules", [{**{k: r[k] for k in wanted}, "security_group_id": there["id"]} for r in rules])  # fmt: skip
    tell(sent)


if __name__ == "__main__":
    main(*sys.argv[1:])
