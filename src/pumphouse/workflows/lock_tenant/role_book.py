"""What roles mean for a fence: which are kept, which let their holders read, which are swapped; used by the swap, the plan and the probes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.tenant import EffectiveRole, Grant, Source
from pumphouse.workflows.lock_tenant.scene import Scene

READER = "reader"
KEPT = frozenset({"admin", "service"})
"""Operators and services go on: the clouds' own rules set these roles above every tenant."""
READING = frozenset({"reader", "member", "manager", "_member_"})
"""Keystone's default roles, which let their holder read (`_member_` is that of old clouds)."""
STRENGTH = ("manager", "member", "_member_")
ASSESSED = "assessed"


@dataclass(frozen=True, slots=True)
class RoleBook:
    """Roles by id, what they imply, and what trying them out has shown (`assessed`: role id -> {"reads", "writes"})."""

    names: Mapping[str, str]
    implied: Mapping[str, frozenset[str]]
    our_user: str
    assessed: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)

    @classmethod
    def at(cls, scene: Scene, grants: Iterable[Grant]) -> "RoleBook":
        """Read from Keystone, with what this fence has found out; roles that belong to a domain are known by the grants that name them."""
        tenants = scene.tenants
        names = {role: name for name, role in tenants.roles().items()}
        names |= {g.role_id: g.role_name for g in grants if g.role_name}
        tried = {
            e.key: {"reads": bool(e.data["reads"]), "writes": bool(e.data["writes"])}
            for e in scene.entries(ASSESSED)
        }
        return cls(names, tenants.implied(), tenants.our_user_id(), tried)

    @property
    def reader_id(self) -> str:
        """Raises ConflictError on a cloud that has no role `reader`."""
        found = self._reader()
        if not found:
            raise ConflictError(
                "this cloud has no role 'reader', so roles cannot be swapped for it",
                hint="make it with `keystone-manage bootstrap`, or fence with --means policy",
            )
        return found

    def all_names(self, role_id: str) -> frozenset[str]:
        """Lower-case names of the role and of all that it implies."""
        ids = {role_id, *self.implied.get(role_id, ())}
        return frozenset(self.names.get(role, role).lower() for role in ids)

    def is_kept(self, role_id: str) -> bool:
        """Whether its holders go on as operators or services."""
        return bool(self.all_names(role_id) & KEPT)

    def is_own(self, role_id: str) -> bool:
        """Whether it is a role of the operator's own making that implies none of the default ones: only trying tells what it may."""
        return not self.all_names(role_id) & (READING | KEPT)

    def lets_read(self, role_id: str) -> bool:
        """Whether its holders could read before."""
        return bool(self.all_names(role_id) & READING) or self.assessed.get(role_id, {}).get("reads", False)

    def is_swapped(self, grant: Grant) -> bool:
        """Whether the assignment has to go while the fence stands."""
        if self.is_kept(grant.role_id) or grant.role_id == self._reader() or grant.holder_id == self.our_user:
            return False
        # a role that was tried and writes nowhere does no harm
        return self.assessed.get(grant.role_id, {}).get("writes", True)

    def strongest(self, held: Iterable[EffectiveRole]) -> str:
        """Id of the strongest role that an ordinary member has in the tenant; `member` (or `reader`) when it has none."""
        here = [role for role in held if not role.sources & {Source.DOMAIN, Source.SYSTEM}]
        # an operator has the ordinary roles as well, which his own implies
        operators = {role.user_id for role in here if self.is_kept(role.role_id)}
        ordinary = {role.role_id for role in here if role.user_id not in operators}
        if not ordinary:
            ordinary = {role for role, name in self.names.items() if name in ("member", READER)}
        return max(sorted(ordinary), key=self._strength)

    def _strength(self, role_id: str) -> tuple[int, int]:
        name = self.names.get(role_id, "").lower()
        rank = len(STRENGTH) - STRENGTH.index(name) if name in STRENGTH else 0
        return rank, len(self.implied.get(role_id, ()))

    def _reader(self) -> str:
        return next((role for role, name in self.names.items() if name.lower() == READER), "")


def strongest_role(scene: Scene) -> tuple[str, str]:
    """Id and name of the strongest role that an ordinary member has in the tenant now. The number of requests does not grow with its users."""
    book = RoleBook.at(scene, scene.tenants.grants(scene.tenant_id))
    role = book.strongest(scene.tenants.effective(scene.tenant_id))
    return role, book.names.get(role, role)
