"""The proof of single records, without clouds or engine."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pumphouse.domain.resource import Move, MoveState, Resource, ResourceKind, ref
from pumphouse.workflows.migrate_tenant.committing import left_behind, to_delete
from pumphouse.workflows.migrate_tenant.kind import Choices
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from pumphouse.workflows.migrate_tenant.proving import Court, Hearing, Proof

K = ResourceKind
AT = datetime(2026, 1, 1, tzinfo=UTC)
IDS = {"port/p1": "p2", "floating_ip/f1": "f2", "external_network/public": "ext"}
FORWARDS = [{"protocol": "tcp", "external_port": 80, "internal_port": 8080}]


def floating(id: str, network: str, **leads: Any) -> Resource:
    fields = {
        "network": ref(K.EXTERNAL_NETWORK, network), "address": "203.0.113.5", "description": "", "dns_name": "", "dns_domain": "",
        "qos_policy": None, "port": None, "fixed_ip_address": None, "port_forwardings": [], **leads,
    }  # fmt: skip
    return Resource(K.FLOATING_IP, id, "203.0.113.5", fields, {}, "1", 0, "t")


def test_a_commit_deletes_all_that_is_the_tenants_own_but_what_every_project_has() -> None:
    def proven(kind: K, name: str, **notes: Any) -> Proof:
        move = Move("old", "t", "new", kind, name, name, MoveState.VERIFIED, f"new-{name}", ours=True)
        return Proof(move, Resource(kind, name, name, {}, notes, "1", 0, "t"))

    proofs = [
        proven(K.IMAGE, "golden", os_hash_algo="sha512", os_hash_value="5", checksum="4"),
        proven(K.SECURITY_GROUP, "default"),
        proven(K.SECURITY_GROUP, "web"),
        proven(K.PORT, "p"),
        proven(K.EC2_KEY, "AKIA"),
    ]
    hearing = Hearing(proofs, [proof.source for proof in proofs if proof.source])
    assert [proof.move.name for proof in to_delete(hearing, KINDS, "t")] == ["golden", "web", "p"]
    assert left_behind(hearing, {"security_group/web", "port/p"}, KINDS, "t") == [proofs[0].source]


MOVE = Move("old", "t", "new", K.FLOATING_IP, "f1", "203.0.113.5", MoveState.VERIFIED, "f2", ours=True, source_version="1", details={})  # fmt: skip
LED = {"port": ref(K.PORT, "p1"), "fixed_ip_address": "10.0.0.5", "port_forwardings": []}


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ({"port": ref(K.PORT, "p2"), "fixed_ip_address": "10.0.0.5"}, True),
        ({"port": ref(K.PORT, "p9"), "fixed_ip_address": "10.0.0.5"}, False),
        ({"port": ref(K.PORT, "p2"), "fixed_ip_address": "10.0.0.6"}, False),
        ({}, False),
        ({"port_forwardings": FORWARDS}, False),
    ],
)
def test_a_floating_ip_has_to_lead_where_its_source_led(found: dict[str, Any], right: bool) -> None:
    """Its source leads nowhere since the move, so that comparing both would find them alike where the counterpart was let loose."""
    court = Court(Choices(), IDS, {"floating_ip/f2": floating("f2", "ext", **found)}, {"f1": LED})
    said = court.prove(MOVE, floating("f1", "public"), KINDS).wrong
    assert (said == "") is right
    assert right or "does not lead" in said
