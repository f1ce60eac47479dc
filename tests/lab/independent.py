"""An independent comparison of a tenant in two clouds: its own code, straight from the APIs and the files, that knows nothing of Pumphouse's records.

Each row becomes what can be compared: ids give way to what they stand for (`<network NAME CIDRS>`), and things are matched by that. EVERY attribute that an API answers is
compared, but for those that are explained in `independent_reasons`.
"""

import json
from collections.abc import Callable
from typing import Any

from tests.lab.independent_reading import Row, Rows
from tests.lab.independent_reasons import ABSENT, IGNORED, INNER, LEFT_OUT, MADE_ANEW, ONE_RELEASE, WHOLE

Portable = dict[str, dict[str, Row]]
"""By kind and by what a thing is known by."""

SHORTEST_ID = 32
"""Shorter ones are given by people, and mean other things too: `default`."""
# lists of words in no order
_SETS = frozenset(
    {
        "tags",
        "security_groups",
        "subnets",
        "addresses",
        "_users",
        "_access",
        "_implies",
        "members",
        "prefixes",
        "_interfaces",
    }
)


def portable(rows: Rows) -> Portable:
    """What both clouds' rows of a tenant can be compared in."""
    words, chosen = _Words(rows), _of_tenant(rows)
    found: Portable = {}
    for kind in KEYS:
        found[kind] = {}
        for known, row in rows.get(kind, {}).items():
            if _is_ours(kind, row) and known in chosen.get(kind, rows[kind]):
                key = words.of(kind, row)
                assert key not in found[kind], (
                    f"two {kind}s are known by {key}: this comparison needs a better key"
                )
                found[kind][key] = _stripped(kind, words.told(row))
    found["assignment"] = {_assignment(words.in_place_of_ids(a)): {} for a in rows["assignment"].values()}
    (quota,) = rows["quota"].values()
    found["quota"] = {name: _stripped("quota", dict(row)) for name, row in quota.items()}
    return found


def _of_tenant(rows: Rows) -> dict[str, set[str]]:
    """Of what belongs to the cloud: who holds a role in the project or is in a group that does, which roles that are, which flavors its servers have."""
    held = [a.get(k, {}).get("id") for a in rows["assignment"].values() for k in ("user", "group", "role")]
    groups = {each for each in held if each in rows["group"]}
    users = {each for each in held if each in rows["user"]} | {
        u for g in groups for u in rows["group"][g]["_users"]
    }
    (project,) = rows["quota"]
    used = {server["flavor"]["original_name"] for server in rows["server"].values()}
    flavors = {
        known
        for known, row in rows["flavor"].items()
        if row["name"] in used or project in row.get("_access", ())
    }
    return {
        "project": {project}, "group": groups, "user": users, "role": {each for each in held if each in rows["role"]}, "flavor": flavors,
    }  # fmt: skip


def differences(source: Portable, target: Portable) -> list[str]:
    """One line for each thing that is only in one of them, and for each attribute that differs. Nothing = the tenant is the same in both."""
    lines: list[str] = []
    for kind in sorted((source.keys() | target.keys()) - ABSENT.keys()):
        here, there = source.get(kind, {}), target.get(kind, {})
        lines += [f"{kind} {key}: not in the destination" for key in sorted(here.keys() - there.keys())]
        lines += [f"{kind} {key}: only in the destination" for key in sorted(there.keys() - here.keys())]
        for key in sorted(here.keys() & there.keys()):
            for name in sorted(here[key].keys() | there[key].keys()):
                one, other = here[key].get(name, "(no such)"), there[key].get(name, "(no such)")
                if one != other:
                    lines.append(f"{kind} {key}: {name}: {_short(one)} -> {_short(other)}")
    return lines


def whole(rows: Rows, *, strict: bool = False) -> dict[str, Any]:
    """Everything in a cloud by its own ids. Equal before and after means that nothing was left and nothing is missing; `strict`: that nobody has even touched it."""
    leave = frozenset() if strict else WHOLE
    told: dict[str, Any] = {}
    for kind, found in rows.items():
        if kind == "assignment":
            told[kind] = sorted(json.dumps(_bare(a), sort_keys=True) for a in found.values())
            continue
        for known, row in found.items():
            told[f"{kind} {known}"] = {
                k: _kept(k, v, strict=strict) for k, v in row.items() if k not in leave
            }
    return told


def _kept(name: str, value: Any, *, strict: bool) -> Any:
    if name in MADE_ANEW and not strict:
        value = [{k: v for k, v in each.items() if k != "id"} for each in value]
    return _sorted(name, value)


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What two pictures of `whole` do not share."""
    lines = [f"gone: {key}" for key in before.keys() - after.keys()] + [
        f"new: {key}" for key in after.keys() - before.keys()
    ]
    for key in before.keys() & after.keys():
        one, other = before[key], after[key]
        if one != other and isinstance(one, dict):
            lines += [
                f"{key}: {name}: {_short(one.get(name))} -> {_short(other.get(name))}"
                for name in one.keys() | other.keys()
                if one.get(name) != other.get(name)
            ]
        elif one != other:
            lines.append(f"{key}: {sorted(set(one) ^ set(other))}")
    return sorted(lines)


# -- what a thing is known by


class _Words:
    """Says of every id in a cloud what it stands for."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._known: dict[str, str] = {}
        for kind in (
            "domain",
            "project",
            "user",
            "group",
            "role",
            "flavor",
            "volume_type",
            *KEYS,
            "all network",
            "all subnet",
        ):
            for known, row in rows.get(kind, {}).items():
                if kind in KEYS and not _is_ours(kind, row):
                    continue
                if len(known) >= SHORTEST_ID and known not in self._known:
                    name = self.of(kind, row) if kind in KEYS else row.get("cidr") or row["name"]
                    self._known[known] = f"<{kind.removeprefix('all ')} {name}>"

    def of(self, kind: str, row: Row) -> str:
        return " ".join(str(part) for part in KEYS[kind](self.rows, row))

    def in_place_of_ids(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.in_place_of_ids(k): self.in_place_of_ids(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.in_place_of_ids(each) for each in value]
        return self._known.get(value, value) if isinstance(value, str) else value

    def told(self, row: Row) -> Row:
        """A row in words; no description is an empty one (Cinder and Neutron know both)."""
        return {
            name: self.in_place_of_ids("" if name == "description" and value is None else value)
            for name, value in row.items()
        }


def _cidrs(rows: Rows, network: str) -> list[str]:
    return sorted(s["cidr"] for s in rows["subnet"].values() if s["network_id"] == network)


def _macs(rows: Rows, server: str) -> list[str]:
    return sorted(p["mac_address"] for p in rows["port"].values() if p["device_id"] == server)


Key = Callable[[Rows, Row], tuple[Any, ...]]
KEYS: dict[str, Key] = {
    "project": lambda rows, row: (row["name"],),
    "user": lambda rows, row: (row["name"],),
    "group": lambda rows, row: (row["name"],),
    "role": lambda rows, row: (row["name"],),
    "flavor": lambda rows, row: (row["name"],),
    "keypair": lambda rows, row: (rows["user"][row["user_id"]]["name"], row["name"]),
    "ec2": lambda rows, row: (row["access"],),
    "server_group": lambda rows, row: (row["name"],),
    "image": lambda rows, row: (row["name"], row.get("checksum")),
    "qos_policy": lambda rows, row: (row["name"],),
    "address_scope": lambda rows, row: (row["name"],),
    "subnet_pool": lambda rows, row: (row["name"],),
    "network": lambda rows, row: (row["name"], row["description"], _cidrs(rows, row["id"])),
    "subnet": lambda rows, row: (row["name"], row["cidr"]),
    "address_group": lambda rows, row: (row["name"],),
    "security_group": lambda rows, row: (row["name"], row["description"]),
    "router": lambda rows, row: (row["name"],),
    "port": lambda rows, row: (row["mac_address"],),
    "trunk": lambda rows, row: (row["name"],),
    "floating_ip": lambda rows, row: (row["floating_ip_address"],),
    "rbac": lambda rows, row: (
        row["object_type"],
        row["action"],
        _named(rows, row["object_type"], row["object_id"]),
    ),
    "volume": lambda rows, row: (row["name"], row["description"] or "", row["size"]),
    "snapshot": lambda rows, row: (row["name"],),
    "server": lambda rows, row: (row["name"], _macs(rows, row["id"])),
}


def _named(rows: Rows, kind: str, known: str) -> str:
    return str(rows.get(kind, {}).get(known, {}).get("name", known))


def _is_ours(kind: str, row: Row) -> bool:
    """Ports that Neutron makes by itself are not the tenant's; people and flavors count only where the caller has kept them."""
    return (
        kind != "port"
        or not row["device_owner"].startswith("network:")
        or row["device_owner"] == "network:router_interface"
    )


# -- what of it is compared


def _stripped(kind: str, row: Row) -> Row:
    left_out = LEFT_OUT.keys() | IGNORED.get(kind, {}).keys() | ONE_RELEASE.get(kind, {}).keys()
    kept = {name: value for name, value in row.items() if name not in left_out}
    rules = IGNORED["rule"].keys() | ONE_RELEASE["rule"].keys()
    for name in ("security_group_rules", "rules"):
        if isinstance(kept.get(name), list):
            kept[name] = [
                {k: v or "" if k == "description" else v for k, v in rule.items() if k not in rules}
                for rule in kept[name]
            ]
    return {name: _sorted(name, _without_inner(value)) for name, value in kept.items()}


def _without_inner(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_inner(v) for k, v in value.items() if k not in INNER and not _is_own_id(k, v)}
    return [_without_inner(each) for each in value] if isinstance(value, list) else value


def _is_own_id(name: str, value: Any) -> bool:
    """Of something that nothing else refers to: what does stands in words here."""
    return name == "id" and not str(value).startswith("<")


def _sorted(name: str, value: Any) -> Any:
    """Lists of things are in no order, and those that are named above."""
    if isinstance(value, dict):
        return {k: _sorted(k, v) for k, v in value.items()}
    if isinstance(value, list):
        inner = [_sorted("", each) for each in value]
        loose = name in _SETS or any(isinstance(each, dict) for each in value)
        return sorted(inner, key=lambda each: json.dumps(each, sort_keys=True)) if loose else inner
    return value


def _assignment(row: Row) -> str:
    return json.dumps(_bare(row), sort_keys=True, ensure_ascii=False)


def _bare(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "links"}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) < 600 else f"{text[:300]} ... {text[-250:]}"
