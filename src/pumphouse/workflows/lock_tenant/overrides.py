"""The text of our policy override of a service: every rule that writes, closed to the tenants in maintenance. Pure; used by `by_policy`.

Which rules write, and by what a rule can name a tenant, follows from what the service registers (ports/policy.py), not from its release.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pumphouse.domain.errors import ConflictError
from pumphouse.ports.policy import PolicyView, RegisteredRule

FENCED = "pumphouse:fenced"
MAY_WRITE = "pumphouse:may_write"
READING = frozenset({"GET", "HEAD"})

READS_BY_POST = (
    "(os-getConsoleOutput)",
    "(os-show_image_metadata)",
    "(list_replication_targets)",
    "/v3/ec2tokens",
    "/v3/s3tokens",
)
"""Ends of the paths of requests that only look although they POST. A remote console is none: whoever has it can type."""

USERS_OWN = (
    re.compile(r"^/os-keypairs(/|$)"),
    re.compile(r"^/v3/auth/tokens$"),
    re.compile(r"^/v3/users/[^/]+/password$"),
)
"""Paths of what belongs to the user wherever he works: his key pairs, his logout, his password."""

_HEADER = """\
# Written by Pumphouse, which rewrites it whole: changes made here by hand are lost.
# {what}
# See `pumphouse tenant maintenance status`.
"""


@dataclass(frozen=True, slots=True)
class FencedTenant:
    """A tenant in maintenance, as rules can name it."""

    id: str
    name: str
    domain_id: str


def writing_rules(view: PolicyView) -> Sequence[str]:
    """Names of the rules that guard a change of something of a tenant, sorted.

    A rule that guards reads and writes (the extra specs in the answer to a rebuild) counts as reading when each of its writes is guarded by
    another rule, too: closing it would close the reads for nothing. A rule without operations is only referred to by others.
    """
    writes = {rule.name: _writes(rule) for rule in view.rules}
    only_writing = {
        write for rule in view.rules if not READING.intersection(rule.methods) for write in writes[rule.name]
    }
    return sorted(
        rule.name
        for rule in view.rules
        if writes[rule.name] - (only_writing if READING.intersection(rule.methods) else frozenset())
    )


def override_text(view: PolicyView, tenants: Sequence[FencedTenant]) -> str:
    """Our file while these tenants are in maintenance: who works in one of them passes no rule that writes, unless he is administrator or a
    service (or a service acts for him: what he began before may end). The same for the same view and tenants.

    Raises:
        ConflictError: a rule of this service cannot name a tenant.
    """
    if not tenants:
        return neutral_text(view)
    closed = {name: f"({text}) and rule:{MAY_WRITE}" for name, text in _effective(view).items()}
    body: dict[str, object] = {
        FENCED: [way for tenant in sorted(tenants, key=lambda t: t.id) for way in _is_of(tenant, view)],
        MAY_WRITE: f"role:admin or role:service or service_roles:service or not rule:{FENCED}",
        **closed,
        **_dragged_along(view, closed),
    }
    return _text(f"It closes the writing rules of {view.service} to tenants in maintenance.", body)


def holds(view: PolicyView, tenant: FencedTenant) -> bool:
    """Whether the file in place closes every writing rule to this tenant, whoever else it names: others come and go meanwhile."""
    present, wanted = _parsed(view.ours), _parsed(override_text(view, [tenant]))
    named = present.pop(FENCED, [])
    ways = wanted.pop(FENCED)
    return present == wanted and isinstance(named, list) and all(way in named for way in ways)


def neutral_text(view: PolicyView) -> str:
    """Our file saying what holds without it, rule by rule."""
    body: dict[str, object] = {FENCED: "!", MAY_WRITE: "@", **_effective(view)}
    what = f"No tenant is in maintenance: it says what {view.service} enforces anyhow. Delete it after the next restart of {view.service}."
    return _text(what, body)


def lifted_text(view: PolicyView) -> str:
    """Our file when no tenant is in maintenance any more: none, or the neutral one where a rule stays in force although its file is gone."""
    return neutral_text(view) if view.keeps_removed else ""


def _writes(rule: RegisteredRule) -> frozenset[tuple[str, str]]:
    pairs = zip(rule.methods, (path.rstrip("/") for path in rule.paths), strict=True)
    return frozenset(
        (method, path)
        for method, path in pairs
        if method not in READING
        and not path.endswith(READS_BY_POST)
        and not any(own.match(path) for own in USERS_OWN)
    )


def _effective(view: PolicyView) -> dict[str, str]:
    """What holds for each writing rule without us."""
    rules = {rule.name: rule for rule in view.rules}
    return {name: _effective_check(view, rules[name]) for name in writing_rules(view)}


def _effective_check(view: PolicyView, rule: RegisteredRule) -> str:
    if rule.name in view.overrides:
        return view.overrides[rule.name].strip() or "@"
    ways = [rule.check, *(() if view.new_defaults else rule.deprecated)]
    # an empty check lets everybody through, but only as the whole of a rule
    if any(way.strip() in {"", "@"} for way in ways):
        return "@"
    return ways[0] if len(ways) == 1 else " or ".join(f"({way})" for way in ways)


def _dragged_along(view: PolicyView, closed: Mapping[str, str]) -> dict[str, str]:
    """A rule that had the name of a closed one in former days would take over its override (oslo.policy): it is told what it is."""
    return {
        rule.name: _effective_check(view, rule)
        for rule in view.rules
        if rule.former_name in closed and rule.name not in closed
    }


def _is_of(tenant: FencedTenant, view: PolicyView) -> Iterable[Sequence[str]]:
    """The ways in which somebody is known to work in a tenant: any of them, all parts of it. In lists, as a name may hold blanks and brackets.

    A service with a check of its own for `project_id` (Neutron) refuses a literal there. Then: the thing is this tenant's and of the tenant of
    the one who asks, which a new name does not change; and, for things of others, he asks by the tenant's name.
    """
    if "project_id" in view.credentials:
        return [[f"project_id:{tenant.id}"]]
    if {"project_name", "project_domain_id"} <= set(view.credentials):
        name = tenant.name.replace("%", "%%")
        return [
            [f"'{tenant.id}':%(project_id)s", "project_id:%(project_id)s"],
            [f"project_domain_id:{tenant.domain_id}", f"project_name:{name}"],
        ]
    raise ConflictError(
        f"no rule of {view.service} can name a tenant",
        hint="keep it in maintenance by other means: leave `policy` out",
    )


def _parsed(text: str) -> dict[str, Any]:
    found = yaml.safe_load(text)
    return found if isinstance(found, dict) else {}


def _text(what: str, body: Mapping[str, object]) -> str:
    return _HEADER.format(what=what) + yaml.safe_dump(dict(body), sort_keys=True, width=100_000)
