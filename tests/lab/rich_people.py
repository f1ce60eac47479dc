"""The rich tenant's project, people, keys, quotas and flavors. Used by rich_tenant.py."""

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from tests.lab.rich_asking import Asker

if TYPE_CHECKING:
    from openstack.connection import Connection

USERS = ("ops", "dev", "boss", "zoë", "audit", "gone")
QUOTAS = {
    "compute": {"instances": 23, "cores": 41, "ram": 61440, "server_groups": 7, "metadata_items": 64},
    "network": {"network": 31, "security_group": 21, "security_group_rule": 1500, "port": 333, "router": 5},
    "block_storage": {"volumes": 17, "gigabytes": 77, "snapshots": 5, "gigabytes_nfs": 66},
}


@dataclass
class People:
    """Ids by short name; the password is everybody's."""

    admin: Asker
    name: str
    project: str = ""
    password: str = field(default_factory=lambda: uuid4().hex)
    users: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    flavors: dict[str, str] = field(default_factory=dict)

    def log_in(self, user: str) -> Asker:
        theirs: Connection = self.admin.cloud.connect_as(
            username=f"{self.name}-{user}", password=self.password, user_domain_id="default", user_domain_name=None,
            project_id=self.project, project_name=None, project_domain_id=None, project_domain_name=None,
        )  # fmt: skip
        return Asker(theirs)


def make_people(admin: Asker, name: str) -> People:
    """Members: ops (direct), dev and zoë (through a group), boss (a role of the tenant's own that implies member), audit (reader, inherited), gone
    (switched off).
    """
    people = People(admin, name)
    known = {r["name"]: r["id"] for r in admin.get("identity", "/roles")["roles"]}
    people.project = admin.make(
        "identity", "/projects", "project", name=name, domain_id="default", description="Überall & nirgends",
        tags=["gold", "eu-west"],
    )  # fmt: skip
    for user in USERS:
        people.users[user] = admin.make(
            "identity", "/users", "user", name=f"{name}-{user}", domain_id="default", password=people.password,
            email=f"{user}@{name}.example", description=f"{user} of {name}", enabled=user != "gone",
            **({"default_project_id": people.project} if user == "ops" else {}),
        )  # fmt: skip
    for group, members in {"devs": ("dev", "zoë"), "nobody": ()}.items():
        made = admin.make(
            "identity", "/groups", "group", name=f"{name}-{group}", domain_id="default", description=group
        )
        people.groups[group] = made
        for member in members:
            admin.put("identity", f"/groups/{made}/users/{people.users[member]}")
    own = admin.make("identity", "/roles", "role", name=f"{name}-boss", description="may all")
    people.roles["boss"] = own
    admin.put("identity", f"/roles/{own}/implies/{known['member']}")
    where, users, groups = f"/projects/{people.project}", people.users, people.groups
    for holder, role in (
        (f"users/{users['ops']}", known["member"]),
        (f"users/{users['boss']}", own),
        (f"users/{users['gone']}", known["reader"]),
        (f"groups/{groups['devs']}", known["member"]),
        (f"groups/{groups['nobody']}", known["reader"]),
    ):
        admin.put("identity", f"{where}/{holder}/roles/{role}")
    inherited = f"/OS-INHERIT{where}/users/{users['audit']}/roles/{known['reader']}/inherited_to_projects"
    admin.put("identity", inherited)
    make_quotas(admin, people.project)
    make_flavors(people)
    return people


def make_ec2(ops: Asker, people: People) -> None:
    """An access key of a member's, as programs that speak S3 have one."""
    ops.post("identity", f"/users/{people.users['ops']}/credentials/OS-EC2", {"tenant_id": people.project})


def make_quotas(admin: Asker, project: str) -> None:
    admin.put("compute", f"/os-quota-sets/{project}", {"quota_set": QUOTAS["compute"]})
    admin.put("network", f"/quotas/{project}", {"quota": QUOTAS["network"]})
    admin.put("block_storage", f"/os-quota-sets/{project}", {"quota_set": QUOTAS["block_storage"]})


def make_flavors(people: People) -> None:
    """A public one, and a private one with extra specs, ephemeral and swap disks."""
    admin = people.admin
    people.flavors["tiny"] = admin.make(
        "compute", "/flavors", "flavor", name=f"{people.name}.tiny", ram=64, vcpus=1, disk=1,
        description="all may have it",
    )  # fmt: skip
    private = admin.make(
        "compute", "/flavors", "flavor", name=f"{people.name}.private", id=f"{people.name}-42", ram=128, vcpus=2,
        disk=1, swap=64, rxtx_factor=1.5, description="ours", **{"OS-FLV-EXT-DATA:ephemeral": 1, "os-flavor-access:is_public": False},
    )  # fmt: skip
    people.flavors["private"] = private
    admin.post(
        "compute",
        f"/flavors/{private}/os-extra_specs",
        {"extra_specs": {"hw_rng:allowed": "True", "quota:vif_inbound_average": "1024"}},
    )
    admin.act("compute", f"/flavors/{private}", addTenantAccess={"tenant": people.project})


def make_keys(ops: Asker, dev: Asker, name: str) -> None:
    """An SSH key of one, a certificate of the other."""
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    ssh = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    for theirs, key, kind, text in (
        (ops, f"{name}-key", "ssh", ssh),
        (dev, f"{name}-x509", "x509", _certificate(name)),
        (dev, f"{name}-key", "ssh", f"{ssh} another of the same name"),
    ):
        theirs.post("compute", "/os-keypairs", {"keypair": {"name": key, "type": kind, "public_key": text}})


def _certificate(name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who).issuer_name(who).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM).decode()
