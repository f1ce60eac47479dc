"""Each translation and decision by itself, and what the planner makes of settings and answers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.settings import Fate, PlannedSetting, Setting, Settings
from pumphouse.workflows.duplicate_environment import comparison, planner, proposals, rules
from pumphouse.workflows.duplicate_environment.planner import PlannedSettings, Wanted, plan_settings

AT = datetime(2026, 1, 1, tzinfo=UTC)
VLANS = "network.segmentation.vlan.ranges"
SETTABLE = dict.fromkeys(("network.tenant_types", "network.mtu", VLANS, "quota.nova.cores"), "any")


def document(release: str = "2023.1", unknown: tuple[str, ...] = (), **values: Any) -> Settings:
    named = {key.replace("__", "."): value for key, value in values.items()}
    rows = {k: Setting(k, v, "api", AT) for k, v in named.items()}
    rows |= {k: Setting(k, None, "nobody", AT, known=False) for k in unknown}
    return Settings("old", release, AT, rows)


def planned(original: Settings, **wanted: Any) -> PlannedSettings:
    return plan_settings(original, Wanted(**{"release": "2026.2", "settable": SETTABLE, **wanted}))


def one(found: PlannedSettings, key: str) -> PlannedSetting:
    return next(s for s in found.settings if s.key == key)


TRANSLATED: Mapping[str, tuple[Any, Any]] = {
    "network.tenant_types": (["geneve"], ["geneve"]),
    "network.mechanism_drivers": (["linuxbridge", "sriovnicswitch"], ["ovn", "sriovnicswitch"]),
    "network.agent_binaries": (["neutron-linuxbridge-agent"], None),
    "network.default_security_group_rules": ([], None),
    "quota.cinder.consistencygroups": (10, None),
    "quota.nova.fixed_ips": (-1, None),
    "quota.nova.floating_ips": (10, None),
    "quota.nova.security_groups": (10, None),
    "quota.nova.security_group_rules": (20, None),
    "network.extensions": (["agent"], None),
}
"""Each rule's key, a value of the original, and what it becomes."""


def test_every_rule_is_tested_and_says_why_and_whence() -> None:
    assert [r.key for r in rules.translations()] == list(TRANSLATED)
    for rule in rules.translations():
        assert len(rule.reason) > 20, rule
        assert len(rule.source) > 20, rule
        assert rules.is_release(rule.since), rule
        assert rule.change in {"renamed", "replaced", "removed", "default"}, rule
        assert bool(rule.values) == (rule.change == "replaced"), rule


@pytest.mark.parametrize("key", TRANSLATED)
def test_a_rule_translates_its_setting_over_its_release_and_not_within_one(key: str) -> None:
    was, becomes = TRANSLATED[key]
    rule = next(r for r in rules.translations() if r.key == key)
    over = planned(document("train", **{key: was}))
    assert (one(over, key).fate, one(over, key).value) == (Fate.TRANSLATED, becomes)
    assert rule.reason in one(over, key).reason
    within = planned(document(rule.since, **{key: was}), release="2026.2")
    assert rule.reason not in one(within, key).reason


@pytest.mark.parametrize(
    ("older", "newer"), [("zed", "2023.1"), ("2023.1", "2023.2"), ("2025.2", "2026.1"), ("ussuri", "zed"), ("kilo", "stein")]
)  # fmt: skip
def test_releases_have_an_order(older: str, newer: str) -> None:
    assert rules.order(older) < rules.order(newer)


def test_what_the_deployer_can_set_is_copied() -> None:
    found = planned(document(network__mtu=9000))
    assert one(found, "network.mtu") == PlannedSetting("network.mtu", Fate.COPIED, 9000, 9000)
    assert found.to_build(SETTABLE) == {"network.mtu": 9000}


def test_what_makes_two_clouds_alike_is_held_to_even_if_it_cannot_be_set() -> None:
    backends = [{"name": "nfs", "type": "nfs"}]
    found = planned(document(storage__cinder__backends=backends))
    assert one(found, "storage.cinder.backends").fate is Fate.COPIED
    assert planner.holds_to(one(found, "storage.cinder.backends"))
    assert "storage.cinder.backends" not in found.to_build(SETTABLE)


def test_what_nobody_can_set_is_left_to_the_new_environment_with_the_reason() -> None:
    found = one(planned(document(identity__limits_model="flat")), "identity.limits_model")
    assert (found.fate, found.value) == (Fate.TRANSLATED, None)
    assert "cannot set it" in found.reason


def test_unknown_settings_are_never_guessed() -> None:
    found = planned(document(unknown=("network.mtu", "compute.cpu_mode")))
    assert found.unknown == ["compute.cpu_mode"]
    assert (one(found, "network.mtu").fate, one(found, "network.mtu").value) == (Fate.DECIDE, None)
    assert found.to_build(SETTABLE) == {}


def test_no_secret_is_copied_and_none_is_taken() -> None:
    assert one(planned(document()), "credentials").value is None
    for key in ("credentials", "network.password"):
        with pytest.raises(InvalidInputError) as refused:
            planned(document(), answers={key: "sesame"})
        assert "sesame" not in refused.value.message


def test_an_answer_is_taken_and_marked() -> None:
    found = planned(document(network__mtu=9000), answers={"network.mtu": 1500})
    assert (one(found, "network.mtu").fate, one(found, "network.mtu").value) == (Fate.DECIDE, 1500)
    assert one(found, "network.mtu").answered


def test_an_answer_that_says_what_is_planned_changes_nothing() -> None:
    original = document(network__mtu=9000, network__tenant_types=["vlan"], identity__driver="sql")
    first = planned(original)
    again = planned(original, answers={s.key: s.value for s in first.settings if s.value is not None})
    assert again.settings == first.settings


def test_a_setting_that_the_original_does_not_have_can_be_decided() -> None:
    assert one(planned(document(), answers={"quota.nova.cores": 99}), "quota.nova.cores").value == 99


def ranges(*rows: tuple[str, int, int]) -> list[dict[str, Any]]:
    return [{"physical_network": n, "minimum": low, "maximum": high} for n, low, high in rows]


@pytest.mark.parametrize(
    ("was", "taken", "proposed"),
    [
        (ranges(("p", 100, 199)), [], ranges(("p", 200, 299))),
        (ranges(("p", 100, 199)), [ranges(("p", 200, 249))], ranges(("p", 250, 349))),
        (ranges(("p", 100, 199)), [ranges(("q", 200, 249))], ranges(("p", 200, 299))),
        (ranges(("p", 100, 199), ("p", 200, 299)), [], ranges(("p", 300, 399), ("p", 400, 499))),
        (ranges(("p", 4000, 4094)), [], ranges(("p", 2, 96))),
        (ranges(("p", 1, 3000)), [], None),
    ],
)
def test_vlans_are_proposed_beside_those_that_are_used(was: Any, taken: Any, proposed: Any) -> None:
    found = planned(document(**{VLANS: was}), taken={VLANS: taken})
    assert one(found, VLANS).value == proposed
    assert one(found, VLANS).fate is Fate.DECIDE
    assert found.undecided == ([] if proposed else [VLANS])


def test_an_answer_settles_what_has_no_proposal() -> None:
    free = ranges(("p", 3001, 3100))
    found = planned(document(**{VLANS: ranges(("p", 1, 3000))}), answers={VLANS: free})
    assert found.undecided == []
    assert not planner.shared_vlans(found, document(**{VLANS: ranges(("p", 1, 3000))}), [])


def external(
    gateway: str | None, *pools: tuple[str, str], cidr: str = "203.0.113.0/24"
) -> list[dict[str, Any]]:
    subnet = {
        "cidr": cidr,
        "gateway": gateway,
        "dhcp": True,
        "pools": [{"start": a, "end": b} for a, b in pools],
    }
    return [{"name": "public", "subnets": [subnet]}]


@pytest.mark.parametrize(
    ("was", "pools"),
    [
        (external("203.0.113.1", ("203.0.113.2", "203.0.113.99")), [("203.0.113.100", "203.0.113.163")]),
        (external("203.0.113.254", ("203.0.113.20", "203.0.113.253")), [("203.0.113.1", "203.0.113.19")]),
        (external(None, ("2001:db8::2", "2001:db8::ff"), cidr="2001:db8::/64"), [("2001:db8::100", "2001:db8::13f")]),
    ],
)  # fmt: skip
def test_pools_are_proposed_beside_the_originals(was: Any, pools: Any) -> None:
    found = proposals.other_pools(was, ())
    subnet = found.value[0]["subnets"][0]
    assert [(p["start"], p["end"]) for p in subnet["pools"]] == pools
    assert subnet["dhcp"] is False
    assert found.note == ""


def test_a_full_subnet_has_no_proposal_and_says_so() -> None:
    found = proposals.other_pools(external("203.0.113.1", ("203.0.113.2", "203.0.113.254")), ())
    assert found.value[0]["subnets"] == []
    assert "203.0.113.0/24 has no address left" in found.note


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network.tenant_types", ["token-ring"]),
        ("network.tenant_types", "geneve"),
        ("network.mtu", True),
        ("network.mtu", 12),
        (VLANS, ranges(("p", 1, 5000))),
        (VLANS, ranges(("p", 9, 3))),
        (VLANS, [{"physical_network": "p", "minimum": 1, "maximum": 2, "more": 3}]),
        ("quota.nova.cores", -2),
        ("quota.nova.cores", "many"),
    ],
)
def test_a_wrong_answer_names_key_and_remedy(key: str, value: Any) -> None:
    with pytest.raises(InvalidInputError) as refused:
        planned(document(network__mtu=1500), answers={key: value})
    assert refused.value.field == key
    assert "must be" in refused.value.message
    assert "--set" in refused.value.hint


def test_comparison_by_verdict() -> None:
    original = document(
        network__mtu=9000, network__tenant_types=["vlan"], service__compute__endpoints={"public": "http://a"},
        identity__driver="sql", storage__glance__stores=[{"id": "a", "type": "file"}, {"id": "b", "type": "http"}],
    )  # fmt: skip
    plan = planned(original).settings
    found = document(
        "2026.2", network__mtu=9000, network__tenant_types=["geneve"], identity__driver="ldap",
        service__compute__endpoints={"public": "http://a"},
        storage__glance__stores=[{"type": "http", "id": "b"}, {"id": "a", "type": "file"}],
    )  # fmt: skip
    verdicts = {line.key: str(line.verdict) for line in comparison.compare(plan, found, "2026.2")}
    assert verdicts == {
        "network.mtu": "equal",
        "network.tenant_types": "different",
        "service.compute.endpoints": "different",
        "identity.driver": "translated",
        "storage.glance.stores": "equal",
        "release.name": "translated",
    }
    assert len(comparison.different(comparison.compare(plan, found, "2025.1"))) == 3
