"""What the configuration files of a lab's cloud say about how it is built. Used by `driver`; the values have the shapes of docs/settings.md."""

import configparser
import json
import subprocess
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pumphouse.lab import Lab

Read = dict[str, tuple[Any, str]]


def read_settings(file_of: Callable[[str], Path], release: str) -> Read:
    """The settings, each with its file and section; what no file says is missing. `file_of` answers the main file of a service."""
    found: Read = {"release.name": (release, "the lab's own record (lab.json)")}
    for service, keys in (("neutron", _NEUTRON), ("nova", _NOVA), ("cinder", _CINDER), ("glance", _GLANCE)):
        file = file_of(service)
        if not file.is_file():
            continue
        parsed = _parse(file)
        for key, section, option, shape in keys:
            if parsed.has_option(section, option):
                found[key] = (shape(parsed.get(section, option)), f"{file.name} [{section}] {option}")
        if service == "cinder":
            found |= _backends(parsed, file)
    return found


def lab_settings(lab: "Lab", cloud: str) -> Read:
    """The settings of a cloud of that lab; its physical networks are those of the bridge mappings that its nodes get."""
    spec, choices = lab.cloud(cloud), lab.choices(cloud)
    found = read_settings(lambda service: lab.configuration_file(cloud, service), spec.release)
    python, environment = lab.release_python(cloud)
    found = _ratios(python, environment, lab.configuration_file(cloud, "nova")) | found
    mappings = (list(choices.physical_networks), "ovn-bridge-mappings that the lab gives each chassis")
    return found | {"network.physical_networks": mappings}


_ASK_NOVA = """
import json, sys
import nova.conf
conf = nova.conf.CONF
conf([], project="nova", default_config_files=sys.argv[1:])
print(json.dumps({kind: conf["initial_%s_allocation_ratio" % kind] for kind in ("cpu", "ram", "disk")}))
"""
ANSWER_S = 60.0


@lru_cache(maxsize=16)
def _initial_ratios(
    python: str, environment: tuple[tuple[str, str], ...], file: str, changed: int
) -> dict[str, float]:
    del changed  # part of the key: a file that was written again is asked again
    ended = subprocess.run(
        [python, "-c", _ASK_NOVA, file],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
        check=False,
    )
    last = ended.stdout.strip().rpartition("\n")[2]
    answer: dict[str, float] = json.loads(last) if ended.returncode == 0 and last.startswith("{") else {}
    return answer


def _ratios(python: str, environment: Mapping[str, str], file: Path) -> Read:
    """With which ratios a node begins when its file says none: only Nova's own code knows. Missing when it does not answer."""
    try:
        told = _initial_ratios(python, tuple(sorted(environment.items())), str(file), file.stat().st_mtime_ns)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return {
        f"compute.{kind}_allocation_ratio": (
            ratio,
            f"initial_{kind}_allocation_ratio of the release's own code",
        )
        for kind, ratio in told.items()
    }


def _parse(file: Path) -> configparser.RawConfigParser:
    # the last of two same options counts, as oslo.config reads a file; its [DEFAULT] is a section as any other
    parsed = configparser.RawConfigParser(strict=False, default_section="", interpolation=None)
    parsed.read(file)
    return parsed


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _range(text: str) -> dict[str, int]:
    least, _, most = _list(text)[0].partition(":")
    return {"minimum": int(least), "maximum": int(most)}


def _vlan_ranges(text: str) -> list[dict[str, Any]]:
    rows = [part.split(":") for part in _list(text)]
    found = [
        {"physical_network": r[0], "minimum": int(r[1]), "maximum": int(r[2])} for r in rows if len(r) == 3
    ]
    return sorted(found, key=lambda r: (str(r["physical_network"]), int(str(r["minimum"]))))


def _stores(text: str) -> list[dict[str, str]]:
    rows = (part.partition(":") for part in _list(text))
    return sorted(({"id": name, "type": kind} for name, _, kind in rows), key=lambda r: r["id"])


def _sorted(text: str) -> list[str]:
    return sorted(_list(text))


Key = tuple[str, str, str, Callable[[str], Any]]
_NEUTRON: tuple[Key, ...] = (
    ("network.tenant_types", "ml2", "tenant_network_types", _list),
    ("network.type_drivers", "ml2", "type_drivers", _sorted),
    ("network.mechanism_drivers", "ml2", "mechanism_drivers", _list),
    ("network.mtu", "DEFAULT", "global_physnet_mtu", int),
    ("network.segmentation.geneve.range", "ml2_type_geneve", "vni_ranges", _range),
    ("network.segmentation.vlan.ranges", "ml2_type_vlan", "network_vlan_ranges", _vlan_ranges),
)
_NOVA: tuple[Key, ...] = tuple(
    (f"compute.{kind}_allocation_ratio", "DEFAULT", f"{kind}_allocation_ratio", float)
    for kind in ("cpu", "ram", "disk")
)
_CINDER: tuple[Key, ...] = (("storage.cinder.default_type", "DEFAULT", "default_volume_type", str),)
_GLANCE: tuple[Key, ...] = (
    ("storage.glance.stores", "DEFAULT", "enabled_backends", _stores),
    ("storage.glance.default_store", "glance_store", "default_backend", str),
)
_PROTOCOLS: Mapping[str, str] = {"NfsDriver": "nfs", "VZStorageDriver": "vzstorage"}


def _backends(parsed: configparser.RawConfigParser, file: Path) -> Read:
    sections = _list(parsed.get("DEFAULT", "enabled_backends", fallback=""))
    rows = []
    for section in sections:
        driver = parsed.get(section, "volume_driver", fallback="").rpartition(".")[2]
        name = parsed.get(section, "volume_backend_name", fallback=section)
        rows.append({"name": name, "type": _PROTOCOLS.get(driver, driver)})
    if not rows:
        return {}
    source = f"{file.name} [DEFAULT] enabled_backends and their sections"
    return {"storage.cinder.backends": (sorted(rows, key=lambda r: r["name"]), source)}
