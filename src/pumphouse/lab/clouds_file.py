"""Writes the lab's clouds.yaml, which openstacksdk and the openstack command read. Called by `Lab.up`."""

import yaml

from pumphouse.lab.layout import Layout
from pumphouse.lab.passwords import Passwords
from pumphouse.lab.topology import Topology, write_atomically


def write(layout: Layout, passwords: Passwords, topology: Topology) -> None:
    entries = {
        spec.name: {
            "auth": {
                "auth_url": layout.url(index, "keystone") + "/v3",
                "username": "admin",
                "password": passwords.of(spec.name).admin,
                "project_name": "admin",
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
            "region_name": "RegionOne",
            "identity_api_version": 3,
        }
        for spec, index in ((c, topology.index(c.name)) for c in topology.clouds if not c.leaving)
    }
    write_atomically(layout.clouds_yaml, yaml.safe_dump({"clouds": entries}, sort_keys=False), mode=0o600)
