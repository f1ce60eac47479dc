"""Rules of security groups: those of one group as one thing, since Neutron puts some into a new group by itself."""

from collections.abc import Mapping
from typing import Any, Final

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind

_ANYWHERE: Final = frozenset({"0.0.0.0/0", "::/0", None})


def _adjust(fields: Mapping[str, Any], choices: Choices) -> Mapping[str, Any]:
    """Old releases allowed rules that say the same twice; a Neutron of today refuses the second (_rule_to_key in neutron/db/securitygroups_db.py)."""
    del choices
    first: dict[str, Mapping[str, Any]] = {}
    for rule in fields["rules"]:
        first.setdefault(_meaning(rule), rule)
    return {**fields, "rules": list(first.values())}


def _meaning(rule: Mapping[str, Any]) -> str:
    said = {name: value for name, value in rule.items() if name != "description"}
    if said["remote_ip_prefix"] in _ANYWHERE:
        said["remote_ip_prefix"] = None
    return str(sorted(said.items()))


KIND = Kind(
    kind=ResourceKind.SECURITY_GROUP_RULES,
    title="rules of a security group",
    identity=Identity.OWN,
    adjust=_adjust,
    on_purpose={"rules": "rules that said the same twice are there once"},
    unordered=frozenset({"rules"}),
    late=True,
    part_of=ResourceKind.SECURITY_GROUP,
    goes_along=True,
    parallel=32,
)
