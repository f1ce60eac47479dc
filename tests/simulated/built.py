"""How the simulated cloud is built: answers that settings are read from, by service and path, as real services of 2026.2 give them."""

from typing import Any

TYPES = [
    {"id": "t1", "name": "__DEFAULT__", "is_public": True, "description": "Default Volume Type", "extra_specs": {}, "qos_specs_id": None},
    {"id": "t2", "name": "fast", "is_public": False, "description": None, "extra_specs": {"volume_backend_name": "ssd"}, "qos_specs_id": "q1"},
]  # fmt: skip
ANSWERS: dict[str, Any] = {
    "identity/domains": {"domains": [{"id": "default", "name": "Default", "description": "The default domain", "enabled": True}]},
    "identity/roles": {"roles": [
        {"id": "r1", "name": "admin", "description": None, "options": {"immutable": True}},
        {"id": "r2", "name": "member", "description": None, "options": {}},
    ]},
    "identity/role_inferences": {"role_inferences": [{"prior_role": {"id": "r1", "name": "admin"}, "implies": [{"id": "r2", "name": "member"}]}]},
    "identity/domains/config/identity/default": {"config": {"identity": {"driver": "sql", "list_limit": None}}},
    "identity/OS-FEDERATION/identity_providers": {"identity_providers": []},
    "identity/limits/model": {"model": {"name": "flat", "description": ""}},
    "network/availability_zones": {"availability_zones": [{"name": "nova", "resource": "network", "state": "available"}]},
    "network/qos/rule-types": {"rule_types": [{"type": "dscp_marking"}, {"type": "bandwidth_limit"}]},
    "network/service-providers": {"service_providers": [{"service_type": "L3_ROUTER_NAT", "name": "ovn", "default": True}]},
    "network/subnetpools": {"subnetpools": []},
    "network/subnets": {"subnets": []},
    "image/info/stores/detail": {"stores": [
        {"id": "ceph", "type": "rbd", "default": "true", "properties": {"pool": "images"}}, {"id": "disk", "type": "file", "properties": {}},
    ]},
    "image/info/import": {"import-methods": {"type": "array", "value": ["glance-direct", "copy-image"]}},
    "image/schemas/image": {"name": "image", "properties": {
        "disk_format": {"enum": [None, "raw", "qcow2"]}, "container_format": {"enum": [None, "bare"]},
    }},
    "block-storage/types": {"volume_types": TYPES},
    "block-storage/types/default": {"volume_type": TYPES[0]},
    "block-storage/types/t1/encryption": {},
    "block-storage/types/t2/encryption": {
        "encryption_id": "e", "volume_type_id": "t2", "provider": "luks", "cipher": "aes-xts-plain64", "key_size": 256, "control_location": "front-end",
    },
    "block-storage/qos-specs": {"qos_specs": [{"id": "q1", "name": "limited", "consumer": "front-end", "specs": {"total_iops_sec": "500"}}]},
    "block-storage/scheduler-stats/get_pools": {"pools": [
        {"name": f"block@{name}#{pool}", "capabilities": {"volume_backend_name": name, "storage_protocol": kind}}
        for name, kind, pool in (("ssd", "ceph", "a"), ("ssd", "ceph", "b"), ("disk", "NFS", "c"))
    ]},
    "block-storage/os-services": {"services": [{"binary": "cinder-volume", "host": "block", "status": "enabled", "state": "up"},
        {"binary": "cinder-backup", "host": "block", "status": "enabled", "state": "up"},
    ]},
    "block-storage/os-quota-class-sets/default": {"quota_class_set": {
        "id": "default", "volumes": 10, "gigabytes": 1000, "volumes_fast": 5, "gigabytes_fast": -1, "volumes___DEFAULT__": -1,
    }},
}  # fmt: skip
