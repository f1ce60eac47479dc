"""The smoke set without servers, and the set as a whole: makes one thing of each kind, sees that it works, and removes it again."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from pumphouse.domain.errors import CredentialsError
from pumphouse.ports.workbench import Kind
from pumphouse.workflows.check_health.addresses import small_network
from pumphouse.workflows.check_health.check import GONE_S, Check, Trial, demand
from pumphouse.workflows.check_health.smoke_servers import SERVER_CHECKS

IMAGE_BYTES: Final = 1024 * 1024
LOGIN_S: Final = 20.0
# of a key whose private half nobody has
PUBLIC_KEY: Final = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFDu3PKG3UIAJfkYHK2dDWUWM1iNXIu0oVE8rT7XAE9w pumphouse-health"
)


def _flavor(trial: Trial) -> str:
    flavor_id = trial.make(
        Kind.FLAVOR, {"ram": 64, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": False}
    )
    thing = trial.bench.look(Kind.FLAVOR, flavor_id)
    demand(thing is not None and thing.details.get("ram") == 64, "the flavor is not what was asked for")
    trial.bench.delete(Kind.FLAVOR, flavor_id)
    demand(trial.bench.look(Kind.FLAVOR, flavor_id) is None, "the flavor is still there after its deletion")
    return "created, read and deleted"


def _image(trial: Trial) -> str:
    content = secrets.token_bytes(IMAGE_BYTES)
    image_id = trial.make(
        Kind.IMAGE, {"disk_format": "raw", "container_format": "bare", "visibility": "private"}
    )
    trial.bench.upload(image_id, content)
    image = trial.wait(Kind.IMAGE, image_id, status="ACTIVE", deadline_s=GONE_S)
    told = image.details.get("os_hash_value")
    demand(
        told in {None, hashlib.sha512(content).hexdigest()} or image.details.get("os_hash_algo") != "sha512",
        "the stored image is not what was uploaded",
    )
    demand(
        image.details.get("size") == len(content), "the stored image has another size than what was uploaded"
    )
    trial.bench.tag_image(image_id, "pumphouse")
    changed = trial.bench.look(Kind.IMAGE, image_id)
    demand(
        changed is not None and "pumphouse" in changed.details.get("tags", ()), "the image did not take a tag"
    )
    trial.bench.delete(Kind.IMAGE, image_id)
    trial.wait_gone(Kind.IMAGE, image_id, deadline_s=GONE_S)
    return f"{len(content)} bytes uploaded and compared, changed, deleted"


def _network(trial: Trial) -> str:
    external = trial.bench.external_network()
    network_id = trial.make(Kind.NETWORK, {})
    cidr = small_network(trial.bench, external, 0)
    subnet_id = trial.make(Kind.SUBNET, {"network_id": network_id, "ip_version": 4, "cidr": cidr})
    gateway = {"external_gateway_info": {"network_id": external}} if external else {}
    router_id = trial.make(Kind.ROUTER, gateway)
    trial.bench.plug(router_id, subnet_id)
    trial.wait(Kind.ROUTER, router_id, status="ACTIVE", deadline_s=60)
    if external is None:
        return "network, subnet and router; there is no external network"
    address_id = trial.make(Kind.FLOATING_IP, {"floating_network_id": external})
    address = trial.bench.look(Kind.FLOATING_IP, address_id)
    demand(
        address is not None and bool(address.details.get("floating_ip_address")),
        "the floating IP has no address",
    )
    return "network, subnet, router with a gateway, floating IP"


def _security_group(trial: Trial) -> str:
    group_id = trial.make(Kind.SECURITY_GROUP, {})
    rule = {"security_group_id": group_id, "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp"}
    ports = {"port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "192.0.2.0/24"}
    rule_id = trial.make(Kind.SECURITY_GROUP_RULE, {**rule, **ports})
    group = trial.bench.look(Kind.SECURITY_GROUP, group_id)
    rules = group.details.get("security_group_rules", ()) if group else ()
    demand(any(r["id"] == rule_id for r in rules), "the security group does not have its rule")
    return "created with a rule"


def _keypair(trial: Trial) -> str:
    pair_id = trial.make(Kind.KEYPAIR, {"public_key": PUBLIC_KEY})
    pair = trial.bench.look(Kind.KEYPAIR, pair_id)
    demand(pair is not None and bool(pair.details.get("fingerprint")), "the keypair has no fingerprint")
    return "imported and read"


def _user(trial: Trial) -> str:
    password = secrets.token_urlsafe(24)
    user_id = trial.make(Kind.USER, {"password": password, "enabled": True})
    trial.bench.allow(user_id)

    def enters() -> bool | None:
        try:
            trial.bench.log_in(trial.name(), password)
        except CredentialsError:
            return None  # a Keystone with several hosts may need a moment to know of the role
        return True

    trial.ctx.poll(enters, what="the new user to log in", deadline_s=LOGIN_S)
    try:
        trial.bench.log_in(trial.name(), f"{password}-wrong")
    except CredentialsError:
        return "created and logged in; a wrong password is refused"
    demand(False, "Keystone let the user in with a wrong password")
    return ""


SMOKE: Final[Sequence[Check]] = (
    *SERVER_CHECKS,
    Check("create_flavor", "Create and delete a flavor", _flavor, (Kind.FLAVOR,)),
    Check("image", "Create, change and delete an image", _image, (Kind.IMAGE,)),
    Check(
        "network",
        "Create a network with router and floating IP",
        _network,
        (Kind.FLOATING_IP, Kind.ROUTER, Kind.SUBNET, Kind.NETWORK),
    ),
    Check(
        "security_group",
        "Create a security group with a rule",
        _security_group,
        (Kind.SECURITY_GROUP_RULE, Kind.SECURITY_GROUP),
    ),
    Check("keypair", "Import a keypair", _keypair, (Kind.KEYPAIR,)),
    Check("user_login", "Create a user and log in", _user, (Kind.USER,)),
)
"""In the order in which they begin: those that take longest come first."""
