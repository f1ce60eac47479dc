"""Which writing rules a judged person can really use: a request passes only if every rule that always guards it lets him through. Used by look.py."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pumphouse.ports.policy import PolicyView
from pumphouse.workflows.lock_tenant.overrides import READING, writing_rules

Operation = tuple[str, str]


def open_rules(view: PolicyView, verdicts: Mapping[str, bool]) -> Sequence[str]:
    """The writing rules that he passes and with which at least one request succeeds, sorted.

    `create_port:device_owner` guards an attribute of a request that `create_port` guards as a whole: it opens nothing while that one is closed,
    and closes nothing either. Glance's `add_task` is open to all, but `tasks_api_access` guards the same request.
    """
    guards: dict[Operation, list[str]] = defaultdict(list)
    for rule in view.rules:
        for operation in zip(rule.methods, rule.paths, strict=True):
            guards[operation].append(rule.name)
    closed = {operation for operation, names in guards.items() if _is_closed(names, verdicts)}
    passed = {name for name in writing_rules(view) if verdicts.get(name)}
    return sorted(
        rule.name
        for rule in view.rules
        if rule.name in passed
        and any(
            operation not in closed and operation[0] not in READING
            for operation in zip(rule.methods, rule.paths, strict=True)
        )
    )


def _is_closed(names: Sequence[str], verdicts: Mapping[str, bool]) -> bool:
    return any(not verdicts.get(name, True) for name in names if not _is_of_an_attribute(name, names))


def _is_of_an_attribute(name: str, names: Sequence[str]) -> bool:
    return any(name != other and name.startswith(f"{other}:") for other in names)
