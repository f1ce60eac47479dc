"""Which means holds which service on this cloud: chosen in the plan, and once more when a `reader` has been tried (assess.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pumphouse.domain.fence import SERVICES, STRONG, Means
from pumphouse.workflows.lock_tenant.by_quotas import WITH_QUOTAS

AUTO = (Means.POLICY, Means.ROLES, Means.LOCKS, Means.QUOTAS)
FAST = (Means.POLICY,)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the services of a cloud. `honours` says whether a service keeps a reader from writing; a service that is not in it has not been
    asked yet.
    """

    present: Sequence[str]
    overridable: frozenset[str] = frozenset()
    honours: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """`means` by service (empty: nothing), and the services that no strong means holds."""

    means: Mapping[str, tuple[Means, ...]]

    @property
    def swaps_roles(self) -> bool:
        return any(Means.ROLES in chosen for chosen in self.means.values())

    @property
    def open(self) -> tuple[str, ...]:
        """Services that stay open for writing, wholly or in part."""
        return tuple(s for s, chosen in self.means.items() if not STRONG & set(chosen))

    def services_of(self, means: Means) -> tuple[str, ...]:
        """The services that it holds."""
        return tuple(s for s, chosen in self.means.items() if means in chosen)


def wanted_means(text: str, *, fast: bool) -> tuple[Means, ...]:
    """The means that may be used, in the order of preference. Raises ValueError for an unknown word."""
    if text == "auto":
        return FAST if fast else AUTO
    return tuple(dict.fromkeys(Means(word.strip()) for word in text.split(",")))


def choose(facts: Facts, wanted: Sequence[Means]) -> Choice:
    """The first strong means of `wanted` that holds a service; else all the weak ones that there are for it. Keystone itself needs no swap: what a
    member makes there while he is `reader` holds no more than that.
    """
    return Choice({service: _of(service, facts, wanted) for service in SERVICES if service in facts.present})


def _of(service: str, facts: Facts, wanted: Sequence[Means]) -> tuple[Means, ...]:
    for means in wanted:
        if means is Means.POLICY and service in facts.overridable:
            return (means,)
        if means is Means.ROLES and (service == "keystone" or facts.honours.get(service, True)):
            return (means,)
    weak = {Means.LOCKS: service == "nova", Means.QUOTAS: service in WITH_QUOTAS}
    return tuple(means for means in wanted if weak.get(means, False))
