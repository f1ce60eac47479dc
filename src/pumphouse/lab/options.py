"""Turns what was chosen for a cloud into options of its services' configuration, and tells where its storage lies. Used by `configuration`,
`mounts` and `readiness`. Only what was chosen is written: the rest stays as the templates have it.
"""

import hashlib
from pathlib import Path

from pumphouse.lab.choices import RATIOS, Backend, Choices
from pumphouse.lab.layout import Layout

Sections = dict[str, dict[str, str]]

CINDER_QUOTAS = {"per_volume_gigabytes": "per_volume_size_limit"}


def sections(layout: Layout, cloud: str, choices: Choices, service: str) -> Sections:
    """Options for a service (`nova-compute` for a node's file), by section."""
    makers = {"neutron": _neutron, "glance": _glance, "cinder": _cinder}
    if service in ("nova", "nova-compute"):
        return _nova(choices)
    return makers[service](layout, cloud, choices) if service in makers else {}


def share(layout: Layout, cloud: str, backend: Backend) -> Path:
    """Where the files of a backend's volumes lie."""
    own = backend == Backend("nfs", "nfs")
    return layout.volume_share(cloud) if own else layout.cloud_dir(cloud) / "shares" / backend.name


def share_address(layout: Layout, cloud: str, backend: Backend) -> str:
    """What the backend's driver calls the share: an NFS export, or the name of a Virtuozzo cluster."""
    return f"127.0.0.1:{share(layout, cloud, backend)}" if backend.type == "nfs" else backend.name


def share_line(layout: Layout, cloud: str, backend: Backend) -> str:
    """The share as the driver's list of shares has it; Virtuozzo's driver insists on a JSON list of mount flags."""
    address = share_address(layout, cloud, backend)
    return address if backend.type == "nfs" else f"{address} []"


def mount_point(layout: Layout, cloud: str, backend: Backend) -> Path:
    """Where the driver looks for the mounted share: both kinds name it after the share's address."""
    address = share_address(layout, cloud, backend)
    name = hashlib.md5(address.encode(), usedforsecurity=False).hexdigest()
    return layout.cloud_dir(cloud) / "mnt" / name


def shares_file(layout: Layout, cloud: str, backend: Backend) -> Path:
    """The list of shares that the driver reads."""
    own = backend == Backend("nfs", "nfs")
    return layout.etc_dir(cloud, "cinder") / ("nfs_shares" if own else f"{backend.name}_shares")


def store_dir(layout: Layout, cloud: str, store: str) -> Path:
    """Where a filesystem store of Glance keeps its images."""
    images = layout.cloud_dir(cloud) / "glance"
    return images / "images" if store == "file" else images / "stores" / store


def _nova(choices: Choices) -> Sections:
    found: Sections = {}
    for kind in RATIOS:
        ratio = choices.get(f"compute.{kind}_allocation_ratio")
        if ratio is not None:
            found.setdefault("DEFAULT", {})[f"{kind}_allocation_ratio"] = str(ratio)
    if quotas := choices.quotas("nova"):
        found["quota"] = {name: str(value) for name, value in quotas.items()}
    return found


def _neutron(layout: Layout, cloud: str, choices: Choices) -> Sections:
    del layout, cloud
    ranges = choices["network.segmentation.vlan.ranges"]
    vlans = ",".join(f"{r['physical_network']}:{r['minimum']}:{r['maximum']}" for r in ranges)
    geneve = choices["network.segmentation.geneve.range"]
    found: Sections = {}
    given = choices.given
    if "network.mtu" in given:
        found["DEFAULT"] = {"global_physnet_mtu": str(choices["network.mtu"])}
    if "network.tenant_types" in given:
        found["ml2"] = {"tenant_network_types": ",".join(choices["network.tenant_types"])}
    if "network.segmentation.geneve.range" in given:
        found["ml2_type_geneve"] = {"vni_ranges": f"{geneve['minimum']}:{geneve['maximum']}"}
    if given.keys() & {"network.segmentation.vlan.ranges", "network.physical_networks"}:
        found["ml2_type_vlan"] = {"network_vlan_ranges": vlans}
    if quotas := choices.quotas("neutron"):
        found["quotas"] = {f"quota_{name}": str(value) for name, value in quotas.items()}
    return found


def _glance(layout: Layout, cloud: str, choices: Choices) -> Sections:
    if not choices.given.keys() & {"storage.glance.stores", "storage.glance.default_store"}:
        return {}
    stores = choices["storage.glance.stores"]
    found: Sections = {
        "DEFAULT": {"enabled_backends": ",".join(f"{s['id']}:{s['type']}" for s in stores)},
        "glance_store": {"default_backend": choices["storage.glance.default_store"]},
    }
    for store in stores:
        if store["type"] == "file":
            found[store["id"]] = {"filesystem_store_datadir": str(store_dir(layout, cloud, store["id"]))}
        else:
            found[store["id"]] = {"store_description": "images that lie on a web server"}
            # later releases refuse web servers on this machine and on other ports than 80 and 443; a lab has no others
            found["import_filtering_opts"] = {"allowed_hosts": "[127.0.0.1]", "allowed_ports": "[]"}
    return found


def _cinder(layout: Layout, cloud: str, choices: Choices) -> Sections:
    found: Sections = {}
    general = {
        CINDER_QUOTAS.get(name, f"quota_{name}"): str(value)
        for name, value in choices.quotas("cinder").items()
    }
    if choices.given.keys() & {"storage.cinder.backends", "storage.cinder.default_type"}:
        general["enabled_backends"] = ",".join(b.section for b in choices.backends)
        general["default_volume_type"] = choices["storage.cinder.default_type"]
        found |= {b.section: _backend(layout, cloud, b) for b in choices.backends}
    return ({"DEFAULT": general} if general else {}) | found


def _backend(layout: Layout, cloud: str, backend: Backend) -> dict[str, str]:
    base, listed = str(layout.cloud_dir(cloud) / "mnt"), str(shares_file(layout, cloud, backend))
    general = {
        "volume_backend_name": backend.name,
        "image_volume_cache_enabled": "false",
        "volume_clear": "none",
    }
    if backend.type == "nfs":
        return general | {
            "volume_driver": "cinder.volume.drivers.nfs.NfsDriver",
            "nfs_shares_config": listed,
            "nfs_mount_point_base": base,
            "nfs_snapshot_support": "true",
            "nfs_sparsed_volumes": "true",
            "nas_secure_file_operations": "false",
            "nas_secure_file_permissions": "false",
        }
    return general | {
        "volume_driver": "cinder.volume.drivers.vzstorage.VZStorageDriver",
        "vzstorage_shares_config": listed,
        "vzstorage_mount_point_base": base,
        "vzstorage_default_volume_format": "qcow2",
        # nobody runs a CI for it any more, says Cinder; the driver is there in every release
        "enable_unsupported_driver": "true",
    }
