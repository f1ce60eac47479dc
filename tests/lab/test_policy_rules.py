"""Every registered rule of the five services of both releases, judged by their own code: who passes with a fence, without, and after it."""

from collections.abc import Mapping, Sequence
from itertools import product

import pytest

from pumphouse.domain.fence import SERVICES
from pumphouse.ports.policy import Persona
from pumphouse.workflows.lock_tenant.overrides import (
    FencedTenant,
    lifted_text,
    neutral_text,
    override_text,
    writing_rules,
)
from tests.lab.conftest import TestLab
from tests.lab.test_policy_host import policy_host

pytestmark = pytest.mark.lab

FENCED = FencedTenant("a" * 32, "a te'n\"ant (50%) [x]: ü and or not", "default")
OTHER_FENCED = FencedTenant("c" * 32, "c", "d2")
SIBLING = "b" * 32
ORDINARY = (("reader",), ("member", "reader"), ("manager", "member", "reader"), ("a-custom-role",))
OWNERS = {"own": "", "the sibling's": SIBLING, "the fenced tenant's": FENCED.id}


def persona(who: str, roles: Sequence[str], owner: str, *, service_roles: Sequence[str] = ()) -> Persona:
    fenced = who == "fenced"
    name = f"{who} {'+'.join(roles)} {'+'.join(service_roles)} on {owner}"
    return Persona(
        name, tuple(roles), FENCED.id if fenced else SIBLING, FENCED.name if fenced else "sibling", "default",
        OWNERS[owner], service_roles=tuple(service_roles),
    )  # fmt: skip


SHUT_OUT = [persona("fenced", roles, owner) for roles, owner in product(ORDINARY, OWNERS)]
UNTOUCHED = [
    *(persona("sibling", roles, owner) for roles, owner in product((*ORDINARY, ("admin",)), OWNERS)),
    *(persona("fenced", roles, owner) for roles, owner in product((("admin",), ("service",)), OWNERS)),
    persona("fenced", ("member", "reader"), "own", service_roles=("service",)),
]
STILL_READING = (
    "os_compute_api:os-console-output",
    "volume:get_volume_metadata",
    "os_compute_api:os-keypairs:create",
)
"""Rules that POST and stay open."""


def passing(passes: Mapping[str, Mapping[str, bool]], who: Persona) -> set[str]:
    return {rule for rule, passed in passes[who.name].items() if passed}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("cloud", ["old", "new"])
def test_the_fenced_pass_no_rule_that_writes_and_everybody_else_what_he_did(
    lab: TestLab, cloud: str, service: str
) -> None:
    host = policy_host(lab.directory, cloud)
    view = host.view(service)
    writes, everybody = set(writing_rules(view)), [*SHUT_OUT, *UNTOUCHED]
    before = host.judge(service, everybody, "")
    during = host.judge(service, everybody, override_text(view, [OTHER_FENCED, FENCED]))
    assert any(passing(before, who) & writes for who in SHUT_OUT), "there was something to close"
    for who in SHUT_OUT:
        assert passing(during, who) == passing(before, who) - writes, who.name
    for who in UNTOUCHED:
        assert passing(during, who) == passing(before, who), who.name
    # what holds without us, said rule by rule, is what holds without us; and lifting leaves one or the other
    assert host.judge(service, everybody, neutral_text(view)) == before
    assert lifted_text(view) in {"", neutral_text(view)}
    for rule in STILL_READING:
        assert rule not in writes


@pytest.mark.parametrize("cloud", ["old", "new"])
def test_a_new_name_does_not_open_what_is_the_tenants_own(lab: TestLab, cloud: str) -> None:
    """Neutron of 2026.2 cannot be told a tenant's id; his own things are closed to him by theirs."""
    host = policy_host(lab.directory, cloud)
    view = host.view("neutron")
    renamed = Persona("renamed", ("member", "reader"), FENCED.id, "another name", "default")
    during = host.judge("neutron", [renamed], override_text(view, [FENCED]))
    assert not passing(during, renamed) & set(writing_rules(view))
