"""What can be chosen when a cloud of the lab is made: flat keys as in docs/settings.md, checked here. `options` turns them into service options.

Used by `topology`, which keeps them, by `Lab`, and by the lab's deployer. A cloud for which nothing was chosen is configured by the templates alone.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pumphouse.lab.errors import LabConfigurationError

DEFAULTS: dict[str, Any] = {
    "network.tenant_types": ["geneve"],
    "network.segmentation.geneve.range": {"minimum": 1, "maximum": 65536},
    "network.segmentation.vlan.ranges": [{"physical_network": "physnet1", "minimum": 100, "maximum": 200}],
    "network.mtu": 1500,
    "network.physical_networks": ["physnet1", "public"],
    "storage.glance.stores": [{"id": "file", "type": "file"}],
    "storage.glance.default_store": "file",
    "storage.cinder.backends": [{"name": "nfs", "type": "nfs"}],
    "storage.cinder.default_type": "nfs",
}
"""What the templates say; tests/lab_unit/test_choices.py holds the two together."""

PUBLIC = "public"
"""The physical network that the lab's external network lies on."""
UNTYPED = "__DEFAULT__"
BACKEND_TYPES = ("nfs", "vzstorage")
STORE_TYPES = ("file", "http")
TENANT_TYPES = ("geneve", "vlan")
RATIOS = ("cpu", "ram", "disk")
QUOTAS = {
    "nova": ("cores", "instances", "ram", "key_pairs", "metadata_items", "server_groups", "server_group_members"),
    "cinder": ("volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes", "per_volume_gigabytes", "groups"),
    "neutron": (
        "network", "subnet", "port", "router", "floatingip", "security_group", "security_group_rule", "rbac_policy",
    ),
}  # fmt: skip
VNI_MAX, VLAN_MAX, MTU_MIN, MTU_MAX = 2**24 - 1, 4094, 1280, 9216
NAME = re.compile(r"^[a-z][a-z0-9-]{0,29}$")
RESERVED_STORES = ("glance", "database", "keystone", "paste", "default", "os")


@dataclass(frozen=True, slots=True)
class Backend:
    """One of Cinder's: `name` is its volume_backend_name and the name of its volume type, `section` where it stands in cinder.conf."""

    name: str
    type: str

    @property
    def section(self) -> str:
        return f"{self.name}1"


class Choices:
    """What was chosen for one cloud, checked, over the defaults."""

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        """Check everything.

        Raises:
            LabConfigurationError: its field is the key that is wrong.
        """
        checks = _checks()
        for key in given or {}:
            if key not in checks:
                raise LabConfigurationError(
                    key, (given or {})[key], "cannot be chosen", hint=f"Keys: {', '.join(checks)}."
                )
        self.given: dict[str, Any] = {
            key: checks[key](key, value) for key, value in sorted((given or {}).items())
        }
        self._values = {**DEFAULTS, **self._implied(), **self.given}
        self._check_together()

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def get(self, key: str) -> Any:
        """The value of a key, None where nothing was chosen and the service's own default counts."""
        return self._values.get(key)

    @property
    def backends(self) -> tuple[Backend, ...]:
        return tuple(Backend(row["name"], row["type"]) for row in self["storage.cinder.backends"])

    @property
    def physical_networks(self) -> tuple[str, ...]:
        return tuple(self["network.physical_networks"])

    def quotas(self, service: str) -> dict[str, int]:
        """The default quotas that were chosen for a service, by their names in its API."""
        prefix = f"quota.{service}."
        return {
            key.removeprefix(prefix): value for key, value in self.given.items() if key.startswith(prefix)
        }

    def _implied(self) -> dict[str, Any]:
        """Defaults that follow from what was chosen."""
        implied: dict[str, Any] = {}
        if ranges := self.given.get("network.segmentation.vlan.ranges"):
            implied["network.physical_networks"] = sorted({PUBLIC, *(r["physical_network"] for r in ranges)})
        elif names := [n for n in self.given.get("network.physical_networks", ()) if n != PUBLIC]:
            implied["network.segmentation.vlan.ranges"] = [
                {**DEFAULTS["network.segmentation.vlan.ranges"][0], "physical_network": names[0]}
            ]
        if backends := self.given.get("storage.cinder.backends"):
            implied["storage.cinder.default_type"] = _first(backends, "name", "nfs")
        if stores := self.given.get("storage.glance.stores"):
            implied["storage.glance.default_store"] = _first(
                [s for s in stores if s["type"] == "file"], "id", "file"
            )
        return implied

    def _check_together(self) -> None:
        for row in self["network.segmentation.vlan.ranges"]:
            if row["physical_network"] not in self.physical_networks:
                raise LabConfigurationError(
                    "network.segmentation.vlan.ranges", row["physical_network"], "is none of network.physical_networks",
                    hint=f"They are: {', '.join(self.physical_networks)}.",
                )  # fmt: skip
        types = [UNTYPED, *(b.name for b in self.backends)]
        if self["storage.cinder.default_type"] not in types:
            raise LabConfigurationError(
                "storage.cinder.default_type", self["storage.cinder.default_type"], "no volume type of this cloud",
                hint=f"Each backend has one of its name: {', '.join(types)}.",
            )  # fmt: skip
        stores = [row["id"] for row in self["storage.glance.stores"] if row["type"] == "file"]
        if self["storage.glance.default_store"] not in stores:
            raise LabConfigurationError(
                "storage.glance.default_store", self["storage.glance.default_store"], "no store that can be written to",
                hint=f"Those of type file: {', '.join(stores) or 'none; add one'}.",
            )  # fmt: skip


def settable() -> dict[str, str]:
    """Every key that can be chosen, with the values that it takes, in words."""
    words = {
        "network.tenant_types": "list of geneve and vlan, in order of preference",
        "network.segmentation.geneve.range": f"mapping of minimum and maximum, 1 to {VNI_MAX}",
        "network.segmentation.vlan.ranges": f"list of mappings of physical_network, minimum and maximum, 1 to {VLAN_MAX}",
        "network.mtu": f"{MTU_MIN} to {MTU_MAX}, in bytes",
        "network.physical_networks": f"list of names, {PUBLIC} among them",
        "storage.glance.stores": "list of mappings of id and type (file, or http, which is only read from)",
        "storage.glance.default_store": "id of a store of type file",
        "storage.cinder.backends": "list of mappings of name and type (nfs, vzstorage)",
        "storage.cinder.default_type": f"name of a backend, or {UNTYPED}",
        **{f"compute.{kind}_allocation_ratio": "a number above 0" for kind in RATIOS},
    }
    quotas = [f"quota.{service}.{name}" for service, names in QUOTAS.items() for name in names]
    return words | dict.fromkeys(quotas, "a number from 0, or -1 for unlimited")


def read_choices(file: Path | None, assignments: Iterable[str] = ()) -> dict[str, Any]:
    """What a settings file says (TOML or YAML by its suffix; keys dotted, or as nested tables), with `KEY=VALUE` on top (VALUE as YAML).

    Raises:
        LabConfigurationError: the file cannot be read, or an assignment has another form.
    """
    found: dict[str, Any] = {}
    if file is not None:
        found |= _flat(_read(file))
    for text in assignments:
        key, sign, value = text.partition("=")
        if not sign:
            raise LabConfigurationError(
                "--set", text, "not KEY=VALUE", hint="For instance --set network.mtu=9000"
            )
        try:
            found[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise LabConfigurationError("--set", text, "the value is not YAML", hint="Quote it.") from error
    return found


# -- reading


def _read(file: Path) -> Mapping[str, Any]:
    try:
        text = file.read_text()
        table = tomllib.loads(text) if file.suffix == ".toml" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise LabConfigurationError(
            "--settings", file, f"cannot be read: {error}", hint="Give a TOML (.toml) or YAML file."
        ) from error
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise LabConfigurationError(
            "--settings", file, "holds no keys", hint="See docs/lab.md for an example."
        )
    return table


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys, down to the keys that are known."""
    known, found = _checks(), dict[str, Any]()
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and key not in known:
            found |= _flat(value, f"{key}.")
        else:
            found[key] = value
    return found


# -- checks: each answers the value in its one form

Check = Callable[[str, Any], Any]


def _checks() -> dict[str, Check]:
    return {
        "network.tenant_types": _tenant_types,
        "network.segmentation.geneve.range": lambda key, value: _range(key, value, VNI_MAX),
        "network.segmentation.vlan.ranges": _vlan_ranges,
        "network.mtu": lambda key, value: _whole(key, value, MTU_MIN, MTU_MAX),
        "network.physical_networks": _physical_networks,
        "storage.glance.stores": lambda key, value: _rows(key, value, "id", STORE_TYPES),
        "storage.glance.default_store": _text,
        "storage.cinder.backends": lambda key, value: _rows(key, value, "name", BACKEND_TYPES),
        "storage.cinder.default_type": _text,
        **{f"compute.{kind}_allocation_ratio": _ratio for kind in RATIOS},
        **{
            f"quota.{service}.{name}": lambda key, value: _whole(key, value, -1, 2**31 - 1)
            for service, names in QUOTAS.items()
            for name in names
        },
    }


def _bad(key: str, value: Any, problem: str) -> LabConfigurationError:
    shown = json.dumps(value, default=str)
    return LabConfigurationError(key, shown, problem, hint=f"It takes: {settable()[key]}.")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _bad(key, value, "not a name")
    return value


def _whole(key: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _bad(key, value, "out of range")
    return value


def _ratio(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1000:
        raise _bad(key, value, "out of range")
    return float(value)


def _listed(key: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple) or not value:
        raise _bad(key, value, "not a list with something in it")
    return list(value)


def _tenant_types(key: str, value: Any) -> list[str]:
    types = _listed(key, value)
    if len(set(map(str, types))) != len(types) or not set(map(str, types)) <= set(TENANT_TYPES):
        raise _bad(key, value, "no kinds of networks that the lab has")
    return types


def _physical_networks(key: str, value: Any) -> list[str]:
    names = _listed(key, value)
    if not all(isinstance(n, str) and NAME.match(n) for n in names) or PUBLIC not in names:
        raise _bad(key, value, f"names of small letters, digits and '-' are wanted, and {PUBLIC} among them")
    return sorted(set(names))


def _range(key: str, value: Any, most: int) -> dict[str, int]:
    if not isinstance(value, dict) or set(value) != {"minimum", "maximum"}:
        raise _bad(key, value, "not a range")
    least, last = _whole(key, value["minimum"], 1, most), _whole(key, value["maximum"], 1, most)
    if least > last:
        raise _bad(key, value, "the minimum is above the maximum")
    return {"minimum": least, "maximum": last}


def _vlan_ranges(key: str, value: Any) -> list[dict[str, Any]]:
    found = []
    for row in _listed(key, value):
        if not isinstance(row, dict) or set(row) != {"physical_network", "minimum", "maximum"}:
            raise _bad(key, row, "not a range on a physical network")
        name = row["physical_network"]
        if not isinstance(name, str) or not NAME.match(name):
            raise _bad(key, name, "not the name of a physical network")
        bounds = {"minimum": row["minimum"], "maximum": row["maximum"]}
        found.append({"physical_network": name, **_range(key, bounds, VLAN_MAX)})
    return sorted(found, key=lambda r: (r["physical_network"], r["minimum"]))


def _rows(key: str, value: Any, name: str, types: tuple[str, ...]) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in _listed(key, value):
        if not isinstance(row, dict) or set(row) != {name, "type"} or row["type"] not in types:
            raise _bad(key, row, "not one that the lab has")
        own = row[name]
        if not isinstance(own, str) or not NAME.match(own) or own.startswith(RESERVED_STORES) or own in found:
            raise _bad(key, row, f"{name} is taken, or has more than small letters, digits and '-'")
        found[own] = {name: own, "type": row["type"]}
    return [found[own] for own in sorted(found)]


def _first(rows: list[dict[str, str]], name: str, wanted: str) -> str:
    names = [row[name] for row in rows]
    return wanted if wanted in names or not names else names[0]
