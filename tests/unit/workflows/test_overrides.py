"""The text of a policy override: which rules it closes, and that it says what held before."""

from dataclasses import replace

import pytest
import yaml

from pumphouse.domain.errors import ConflictError
from pumphouse.ports.policy import PolicyView, RegisteredRule
from pumphouse.workflows.lock_tenant.overrides import (
    FENCED,
    MAY_WRITE,
    FencedTenant,
    lifted_text,
    neutral_text,
    override_text,
    writing_rules,
)

A = FencedTenant("a" * 32, "alpha", "default")
B = FencedTenant("b" * 32, "my te'n\"ant (50%) [x]: ü", "d2")


def rule(
    name: str, check: str, *operations: str, deprecated: str | None = None, former: str = ""
) -> RegisteredRule:
    pairs = [operation.split(" ", 1) for operation in operations]
    return RegisteredRule(
        name, check, () if deprecated is None else (deprecated,), tuple(m for m, _ in pairs), tuple(p for _, p in pairs), former
    )  # fmt: skip


def view(*rules: RegisteredRule, **more: object) -> PolicyView:
    made = PolicyView("nova", rules, {}, True, "", "absent", 300)
    return replace(made, **more)  # type: ignore[arg-type]


def body(text: str) -> dict[str, object]:
    found = yaml.safe_load(text)
    assert isinstance(found, dict)
    return found


def test_rules_write_by_the_methods_that_they_guard() -> None:
    found = writing_rules(
        view(
            rule("base", "role:member"),
            rule("read", "rule:base", "GET /things", "HEAD /things"),
            rule("update", "rule:base", "PUT /things/{id}"),
            rule("create", "rule:base", "POST /things"),
        )
    )
    assert found == ["create", "update"]


def test_a_rule_that_shows_something_in_the_answer_of_a_write_stays_open() -> None:
    shown = rule("show:extra", "", "GET /servers/{id}", "PUT /servers/{id}", "POST /servers/")
    update = rule("update", "rule:base", "PUT /servers/{id}")
    create = rule("create", "rule:base", "POST /servers")
    assert writing_rules(view(shown, update, create)) == ["create", "update"]
    assert writing_rules(view(shown, update)) == ["show:extra", "update"], "nothing else guards its POST"


@pytest.mark.parametrize(
    "operation",
    [
        "POST /servers/{server_id}/action (os-getConsoleOutput)",
        "POST /volumes/{volume_id}/action  (os-show_image_metadata)",
        "DELETE /v3/auth/tokens",
        "POST /v3/users/{user_id}/password",
        "POST /os-keypairs",
        "DELETE /os-keypairs/{keypair_name}",
    ],
)
def test_reads_that_post_and_what_is_the_users_own_stay_open(operation: str) -> None:
    assert not writing_rules(view(rule("it", "role:member", operation)))


@pytest.mark.parametrize(
    "operation",
    [
        "POST /servers/{server_id}/remote-consoles",
        "POST /v3/users/{user_id}/application_credentials",
        "DELETE /v3/users/{user_id}/credentials/OS-EC2/{credential_id}",
        "PATCH /v3/users/{user_id}",
        "PUT /os-keypairs-of-others",
    ],
)
def test_what_only_looks_like_them_is_closed(operation: str) -> None:
    assert writing_rules(view(rule("it", "role:member", operation))) == ["it"]


def test_each_closed_rule_keeps_what_held_and_adds_the_fence() -> None:
    seen = view(
        rule("plain", "role:member or role:x", "POST /a", deprecated="rule:old"),
        rule("open", "", "POST /b"),
        rule("theirs", "role:member", "POST /c"),
        rule("never", "!", "POST /d"),
        overrides={"theirs": "role:custom", "other": "@"},
    )
    found = body(override_text(seen, [B, A]))
    assert found == {
        FENCED: [[f"project_id:{A.id}"], [f"project_id:{B.id}"]],
        MAY_WRITE: f"role:admin or role:service or service_roles:service or not rule:{FENCED}",
        "plain": f"(role:member or role:x) and rule:{MAY_WRITE}",
        "open": f"(@) and rule:{MAY_WRITE}",
        "theirs": f"(role:custom) and rule:{MAY_WRITE}",
        "never": f"(!) and rule:{MAY_WRITE}",
    }


def test_former_defaults_are_added_where_the_service_still_heeds_them() -> None:
    seen = view(
        rule("a", "role:member", "POST /a", deprecated="rule:old or rule:older"),
        rule("b", "role:member", "POST /b", deprecated=""),
        new_defaults=False,
    )
    found = body(neutral_text(seen))
    assert found["a"] == "(role:member) or (rule:old or rule:older)"
    assert found["b"] == "@", "an empty check inside brackets would be no check at all"


def test_a_rule_that_had_a_closed_ones_name_does_not_take_over_its_override() -> None:
    seen = view(
        rule("update", "role:member", "PUT /a"),
        rule("get", "role:reader", "GET /a", deprecated="role:member", former="update"),
        new_defaults=False,
    )
    assert body(override_text(seen, [A]))["get"] == "(role:reader) or (role:member)"


def test_a_service_with_a_check_of_its_own_is_told_by_thing_and_by_name() -> None:
    seen = view(rule("a", "x:y", "POST /a"), credentials=("project_domain_id", "project_name"))
    ways = body(override_text(seen, [B]))[FENCED]
    assert ways == [
        [f"'{B.id}':%(project_id)s", "project_id:%(project_id)s"],
        ["project_domain_id:d2", "project_name:my te'n\"ant (50%%) [x]: ü"],
    ]


def test_a_service_that_cannot_name_a_tenant_is_refused() -> None:
    with pytest.raises(ConflictError, match="can name a tenant"):
        override_text(view(rule("a", "", "POST /a"), credentials=("user_id",)), [A])


def test_the_same_text_whatever_the_order() -> None:
    one, two = rule("a", "x:y", "POST /a"), rule("b", "x:y", "POST /b")
    assert override_text(view(one, two), [A, B]) == override_text(view(two, one), [B, A])
    assert override_text(view(one), [A]).startswith("# Written by Pumphouse")


def test_lifting_removes_the_file_or_says_what_holds() -> None:
    seen = view(rule("a", "role:member", "POST /a"))
    assert lifted_text(seen) == ""
    keeping = replace(seen, keeps_removed=True)
    assert lifted_text(keeping) == neutral_text(keeping) == override_text(keeping, [])
    assert body(lifted_text(keeping))["a"] == "role:member"
