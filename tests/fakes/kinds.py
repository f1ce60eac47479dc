"""Declarations of all kinds for tests of the migration's machine: as small as can be, with one example of everything that a declaration can say."""

from collections.abc import Mapping, Sequence
from typing import Any

from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind
from pumphouse.workflows.migrate_tenant.kinds import KINDS

K = ResourceKind


def _addresses(fields: Mapping[str, Any], choices: Choices) -> Mapping[str, Any]:
    return fields if choices.keep_addresses else {**fields, "ip": None}


def _default(resource: Resource, offered: Sequence[Resource]) -> Resource | None:
    return next((each for each in offered if each.name == "default" == resource.name), None)


def _broken(resource: Resource, choices: Choices) -> str:
    del choices
    return "it is in state ERROR" if resource.fields.get("broken") else ""


def _mapped(kind: ResourceKind) -> Kind:
    return Kind(kind, str(kind), Identity.MAPPED)


def _named(kind: ResourceKind, *scope: str, adoptable: Sequence[str] = ()) -> Kind:
    shared = kind in (K.GROUP, K.USER, K.FLAVOR, K.KEYPAIR)
    return Kind(
        kind, str(kind), Identity.NAMED, scope=frozenset(scope), adoptable=frozenset(adoptable), shared=shared
    )


def _own(kind: ResourceKind, **more: Any) -> Kind:
    return Kind(kind, str(kind), Identity.OWN, **more)


TOY_KINDS: Mapping[ResourceKind, Kind] = {
    kind.kind: kind
    for kind in (
        _mapped(K.DOMAIN),
        KINDS[K.ROLE],
        _named(K.PROJECT, "domain", adoptable=["description"]),
        _named(K.GROUP, "domain"),
        _named(K.USER, "domain", adoptable=["email"]),
        _named(K.QUOTA, adoptable=["limits"]),
        _named(K.FLAVOR, adoptable=["access"]),
        _named(K.KEYPAIR, "user"),
        _own(K.SERVER_GROUP),
        _mapped(K.VOLUME_TYPE),
        _mapped(K.ZONE),
        _own(K.IMAGE, parallel=2, adoptable=frozenset({"properties"})),
        _own(K.QOS_POLICY),
        _mapped(K.EXTERNAL_NETWORK),
        _own(K.NETWORK, adoptable=frozenset({"description"})),
        _own(K.SUBNET),
        _own(K.SECURITY_GROUP, chosen=_default, innate=lambda each: each.name == "default", adoptable=frozenset({"description", "tags"})),
        _own(K.SECURITY_GROUP_RULES, late=True, part_of=K.SECURITY_GROUP, goes_along=True, unordered=frozenset({"rules"})),
        _own(K.ROUTER),
        _own(
            K.PORT, adjust=_addresses, on_purpose={"ip": "new addresses were asked for"}, unordered=frozenset({"groups"})
        ),
        _own(K.ROUTER_INTERFACE),
        _own(K.ROUTER_ROUTES, late=True, part_of=K.ROUTER),
        _own(K.FLOATING_IP, touched=frozenset({"port"})),
        _own(K.VOLUME),
        Kind(K.VOLUME_SNAPSHOT, "snapshots", Identity.OWN, listed_only=True),
        _own(K.SERVER, touched=frozenset({"power", "locked"}), obstacle=_broken),
        KINDS[K.EC2_KEY],
        _named(K.ASSIGNMENT, "holder", "role", "place", "inherited"),
        Kind(K.CREDENTIAL, "credentials", Identity.OWN, listed_only=True),
    )
}  # fmt: skip
