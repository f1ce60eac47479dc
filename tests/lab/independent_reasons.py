"""What may differ between a tenant in one cloud and in another, and why: everything else that an API answers must be equal. Used by independent.py."""

LEFT_OUT = {
    "id": "each cloud gives its own",
    "links": "addresses of the API",
    "created_at": "when it came to be there",
    "updated_at": "when it came to be there",
    "revision_number": "counts changes",
    "tenant_id": "the same as project_id",
}
"""Of every kind."""

INNER = {
    "links": "addresses of the API",
    "attachment_id": "each cloud gives its own",
    "bdm_uuid": "each cloud gives its own",
    "attached_at": "when it was attached there",
    "host_name": "the node it is on",
    "device": "the hypervisor names them in the order of the volumes",
    "created_at": "when it came to be there",
    "updated_at": "when it came to be there",
    "revision_number": "counts changes",
    "tenant_id": "the same as project_id",
    "image_id": "of the image that a volume was made from: the source's own (drivers/openstack/resources/volume.py)",
    "signature_verified": "what the source's Cinder has checked when it made a volume from an image",
}
"""Inside of what other attributes hold."""

IGNORED: dict[str, dict[str, str]] = {
    "rule": {
        "id": "each cloud gives its own",
        "security_group_id": "the group that it stands in",
        "qos_policy_id": "the policy that it stands in",
        "normalized_cidr": "made of the prefix",
        "standard_attr_id": "counts the rows of a cloud",
        "created_at": "when it came to be there",
        "updated_at": "when it came to be there",
    },
    "network": {
        "provider:segmentation_id": "type and segment of a tenant's network are the cloud's own",
        "availability_zones": "where its agents happen to be",
    },
    "port": {
        "binding:host_id": "the node it is on",
        "binding:vif_details": "how the node plugs it in",
        "binding:vif_type": "how the node plugs it in",
        "status": "what the node says of it; a shelved server has none",
        "trunk_details": "the trunk is compared by itself",
    },
    "router": {"availability_zones": "where its agents happen to be"},
    "image": {
        "locations": "where the store keeps it",
        "direct_url": "where the store keeps it",
        "self": "address of the API",
        "file": "address of the API",
        "schema": "address of the API",
        "stores": "names of the cloud's own stores",
        "base_image_ref": "what Nova notes on a snapshot of whom it was made by and of what",
        "boot_roles": "what Nova notes on a snapshot",
        "instance_uuid": "what Nova notes on a snapshot",
        "owner_user_name": "what Nova notes on a snapshot",
        "owner_project_name": "what Nova notes on a snapshot",
        "user_id": "what Nova notes on a snapshot",
    },
    "volume": {
        "os-vol-host-attr:host": "the backend it is on",
        "service_uuid": "the backend's own",
        "user_id": "volumes are made by our own user (docs/decisions/0004)",
    },
    "server": {
        "user_id": "servers are made by our own user (docs/decisions/0004)",
        "image": "the root disk came over as a snapshot, which was removed afterwards (docs/migration.md)",
        "hostId": "the node it is on",
        "OS-EXT-SRV-ATTR:host": "the node it is on",
        "OS-EXT-SRV-ATTR:hypervisor_hostname": "the node it is on",
        "OS-EXT-SRV-ATTR:instance_name": "counts the servers of a cloud",
        "OS-EXT-SRV-ATTR:reservation_id": "of the request that made it",
        "OS-SRV-USG:launched_at": "when it was started there",
        "created": "when it was made there",
        "updated": "when it was made there",
    },
    "server_group": {"user_id": "made by our own user (docs/decisions/0004)"},
}
"""By kind: attribute -> reason."""

_NEWER = "2023.1 does not tell it"
ONE_RELEASE: dict[str, dict[str, str]] = {
    "rule": {"belongs_to_default_sg": _NEWER},
    "network": {"qinq": _NEWER, "vlan_transparent": _NEWER},
    "subnet": {"router:external": _NEWER},
    "quota": {"router_route": _NEWER},
    "router": {
        "enable_default_route_bfd": _NEWER,
        "enable_default_route_ecmp": _NEWER,
        "enable_snat": "2023.1 tells it inside of external_gateway_info only",
        "external_gateways": "2023.1 knows external_gateway_info only",
        "flavor_id": _NEWER,
        "ha": _NEWER,
    },
}
"""By kind: attributes that only one of the two releases has."""

WHOLE = frozenset({"updated_at", "updated", "revision_number"})
"""What time alone changes, of every kind."""
MADE_ANEW = frozenset({"port_forwardings"})
"""What a released floating IP loses and is given back by a rollback, under other ids."""

ABSENT = {
    "snapshot": "Cinder can snapshot what a volume holds now, not what it held then (docs/migration.md); the report lists them",
}
"""Kinds of which nothing comes over."""
