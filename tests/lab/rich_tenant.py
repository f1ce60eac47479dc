"""A tenant that has everything that a tenant can have in the lab's clouds, made through their public APIs in about a minute, and removed with all of it.

Its members make what members may make; the rest is made by the operator. Names collide, are empty, and have letters of other alphabets.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from openstack.connection import Connection

from pumphouse.lab import Lab
from tests.lab.rich_asking import Asker
from tests.lab.rich_network import NetworkMaker, Wires
from tests.lab.rich_people import People, make_ec2, make_keys, make_people
from tests.lab.rich_servers import ServerMaker
from tests.lab.rich_storage import StorageMaker


@dataclass
class RichTenant:
    """What was made, by short names."""

    people: People
    wires: Wires
    storage: StorageMaker
    servers: ServerMaker

    @property
    def name(self) -> str:
        return self.people.name

    @property
    def id(self) -> str:
        return self.people.project


def rich_tenant(cloud: Connection, machine: Lab, cloud_name: str, name: str) -> RichTenant:
    """Make it. `name` is ASCII: Nova 2023.1 answers 500 to policies with other tenants' names."""
    people = make_people(Asker(cloud), name)
    ops, dev = people.log_in("ops"), people.log_in("dev")
    for each in (ops, dev):  # a service's address is looked up once, not by several threads at once
        for service in ("compute", "network", "image", "block_storage", "identity"):
            getattr(each.cloud, service).get_endpoint_data()
    make_keys(ops, dev, name)
    make_ec2(ops, people)
    storage = StorageMaker(people, ops, machine, cloud_name)
    network = NetworkMaker(people, ops, machine, cloud_name)
    with ThreadPoolExecutor(2) as pool:
        wires = pool.submit(network.everything)

        def data() -> None:
            storage.make_images()
            storage.make_volumes()

        stored = pool.submit(data)
        stored.result()
        servers = ServerMaker(people, ops, dev, wires.result(), storage, machine)
    servers.everything()
    credential = {"name": "robot", "description": "does it by night"}
    ops.post(
        "identity",
        f"/users/{people.users['ops']}/application_credentials",
        {"application_credential": credential},
    )
    return RichTenant(people, wires.result(), storage, servers)
