"""The state behind tests/fakes/tenants.py: users, groups, roles, assignments and what hangs on them, behaving as Keystone was seen to do.

Tests build it with the `add_...` calls and `give`, and look with `may`, `token_roles`, `can_authenticate`, `can_use_trust` and `snapshot()`.
`journal` holds every writing call in order. Faults: `fail("add_grant", CloudFaultError("..."))` raises once before the call has an effect
(`after=True`: the effect happens, the answer is lost); `before["add_grant"]` and `behind["add_grant"]` are called once ahead of and behind it;
`on_call` is called with `NAME:before` and `NAME:after` around every writing call (a crash test kills there).
"""

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.tenant import (
    ApplicationCredential,
    Grant,
    HolderKind,
    Place,
    Tenant,
    TenantServer,
    Trust,
)

DEFAULT = "default"
ADMIN_ROLES = {"admin": "manager", "manager": "member", "member": "reader", "reader": "", "service": ""}
"""The roles of `keystone-manage bootstrap` and what each implies."""


@dataclass
class FakeUser:
    """A user; `password` is what was last set."""

    id: str
    name: str
    domain_id: str = DEFAULT
    password: str = ""


@dataclass
class FakeGroup:
    """A group and the ids of its members."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)


class Keystone:
    """One cloud's identities in memory, with the servers and quotas of its tenants."""

    def __init__(self, environment: str, *, expand_credentials: bool = True) -> None:
        """`expand_credentials`: a new application credential gets the roles that its roles imply, too (2026.2 does, 2023.1 does not)."""
        self.environment = environment
        self.lock = threading.RLock()
        self.expand_credentials = expand_credentials
        self.domains = {DEFAULT: "Default"}
        self.projects: dict[str, Tenant] = {}
        self.users: dict[str, FakeUser] = {}
        self.groups: dict[str, FakeGroup] = {}
        self.role_ids: dict[str, str] = {}
        self.implications: dict[str, set[str]] = defaultdict(set)
        """role id -> ids that it implies directly"""
        self.assignments: dict[str, Grant] = {}
        self.credentials: dict[str, ApplicationCredential] = {}
        self.all_trusts: dict[str, Trust] = {}
        self.ec2: dict[tuple[str, str], int] = defaultdict(int)
        """(user id, project id) -> EC2 credentials"""
        self.mappings: list[str] = []
        self.servers: dict[str, tuple[str, TenantServer]] = {}
        """server id -> (project id, server)"""
        self.counts: dict[str, dict[str, int]] = defaultdict(dict)
        self.limits: dict[tuple[str, str], dict[str, int]] = {}
        """(service, project id) -> limits"""
        self.used: dict[tuple[str, str], dict[str, int]] = {}
        self.catalog = ["block-storage", "compute", "identity", "image", "network", "placement"]
        self.journal: list[tuple[str, str, str]] = []
        self.calls = 0
        self.before: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self.behind: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self.on_call: Callable[[str], None] = lambda _point: None
        self._faults: dict[str, list[tuple[Exception, bool]]] = defaultdict(list)
        self._ids = 0
        for name in ADMIN_ROLES:
            self.add_role(name)
        for name, implied in ADMIN_ROLES.items():
            if implied:
                self.implications[self.role_ids[name]].add(self.role_ids[implied])
        self.us = self.add_user("admin")
        self.give(self.us, "admin")

    # -- building

    def new_id(self) -> str:
        self._ids += 1
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.environment}-keystone-{self._ids}").hex

    def add_domain(self, name: str) -> str:
        domain_id = self.new_id()
        self.domains[domain_id] = name
        return domain_id

    def add_project(self, name: str, *, domain: str = DEFAULT, parent: str = "") -> Tenant:
        tenant = Tenant(
            self.new_id(), name, self.environment, domain, self.domains[domain], parent_id=parent or domain
        )
        self.projects[tenant.id] = tenant
        return tenant

    def add_user(self, name: str, *, domain: str = DEFAULT) -> FakeUser:
        user = FakeUser(self.new_id(), name, domain)
        self.users[user.id] = user
        return user

    def add_group(self, name: str, *members: FakeUser) -> FakeGroup:
        group = FakeGroup(self.new_id(), name, {user.id for user in members})
        self.groups[group.id] = group
        return group

    def add_role(self, name: str, *implies: str) -> str:
        role_id = self.new_id()
        self.role_ids[name] = role_id
        self.implications[role_id] |= {self.role_ids[each] for each in implies}
        return role_id

    def give(
        self, holder: FakeUser | FakeGroup, role: str, on: Tenant | str = "system", *, inherited: bool = False
    ) -> Grant:
        """An assignment by somebody else than the code under test; `on` is a project, the id of a domain, or the system."""
        if isinstance(on, Tenant):
            place, place_id = Place.PROJECT, on.id
        else:
            place, place_id = (Place.SYSTEM, "all") if on == "system" else (Place.DOMAIN, on)
        kind = HolderKind.USER if isinstance(holder, FakeUser) else HolderKind.GROUP
        grant = self.named(Grant(kind, holder.id, self.role_ids[role], place, place_id, inherited))
        self.assignments[grant.key] = grant
        return grant

    def take(self, grant: Grant) -> None:
        """The opposite of `give`."""
        self.assignments.pop(grant.key, None)

    def add_credential(self, user: FakeUser, project: Tenant, *roles: str, name: str = "app") -> str:
        """An application credential; answers its id. As Keystone, refuses roles that the user does not have."""
        held = self.may(user, project)
        assert set(roles) <= held, f"{user.name} has only {held}"
        names = self._with_implied(roles) if self.expand_credentials else set(roles)
        credential = ApplicationCredential(self.new_id(), name, user.id, project.id, tuple(sorted(names)))
        self.credentials[credential.id] = credential
        return credential.id

    def add_trust(self, trustor: FakeUser, trustee: FakeUser, project: Tenant, *roles: str) -> str:
        """Answers its id."""
        assert set(roles) <= self.may(trustor, project)
        trust = Trust(self.new_id(), trustor.id, trustee.id, project.id, tuple(sorted(roles)), True)
        self.all_trusts[trust.id] = trust
        return trust.id

    def add_server(
        self, project: Tenant, name: str, status: str = "ACTIVE", *, task: str = "", locked: bool = False, reason: str = ""
    ) -> TenantServer:  # fmt: skip
        server = TenantServer(self.new_id(), name, status, task, locked, reason)
        self.servers[server.id] = (project.id, server)
        return server

    # -- looking

    def may(self, user: FakeUser | str, project: Tenant | str) -> set[str]:
        """The names of the roles that a fresh token of the user in the project would have."""
        user_id = user if isinstance(user, str) else user.id
        project_id = project if isinstance(project, str) else project.id
        if user_id not in self.users or project_id not in self.projects:
            return set()
        names = {role_id: name for name, role_id in self.role_ids.items()}
        reaching = [grant for grant in self.reaching(project_id) if user_id in self.holders(grant)]
        return {
            names[role_id] for grant in reaching for role_id in {grant.role_id, *self.closure(grant.role_id)}
        }

    def token_roles(self, credential_id: str) -> set[str]:
        """Of a token from an application credential: those of its roles that its user still holds."""
        credential = self.credentials.get(credential_id)
        if credential is None:
            return set()
        return set(credential.roles) & self.may(credential.user_id, credential.project_id)

    def can_authenticate(self, credential_id: str) -> bool:
        """An application credential works while its user holds at least one of its roles."""
        return bool(self.token_roles(credential_id))

    def can_use_trust(self, trust_id: str) -> bool:
        """A trust works while its trustor holds all of its roles."""
        trust = self.all_trusts.get(trust_id)
        return (
            trust is not None
            and trust.trustee_id in self.users
            and set(trust.roles) <= self.may(trust.trustor_id, trust.project_id)
        )

    def snapshot(self) -> dict[str, Any]:
        """What must be equal after a fence is lifted."""
        with self.lock:
            return {
                "assignments": sorted(self.assignments),
                "credentials": dict(self.credentials),
                "trusts": dict(self.all_trusts),
                "users": sorted((user.id, user.name) for user in self.users.values()),
                "locks": {
                    server.id: (server.locked, server.locked_reason) for _, server in self.servers.values()
                },
                "limits": {key: dict(limits) for key, limits in self.limits.items()},
            }

    def closure(self, role_id: str) -> frozenset[str]:
        """What a role implies, directly and through others."""
        found: set[str] = set()
        ahead = list(self.implications[role_id])
        while ahead:
            each = ahead.pop()
            if each not in found:
                found.add(each)
                ahead += self.implications[each]
        return frozenset(found - {role_id})

    def reaching(self, project_id: str) -> list[Grant]:
        """The assignments that are effective in a project."""
        above = self.above(project_id)
        return [
            grant
            for grant in self.assignments.values()
            if (grant.place is Place.PROJECT and grant.place_id == project_id and not grant.inherited)
            or (grant.inherited and grant.place_id in above)
        ]

    def above(self, project_id: str) -> set[str]:
        """The ids of the projects above it, and of its domain."""
        project = self.projects[project_id]
        found = {project.domain_id}
        while project.parent_id in self.projects:
            project = self.projects[project.parent_id]
            found.add(project.id)
        return found

    def holders(self, grant: Grant) -> set[str]:
        """The users that an assignment reaches."""
        if grant.holder_kind is HolderKind.USER:
            return {grant.holder_id} & set(self.users)
        group = self.groups.get(grant.holder_id)
        return (group.members & set(self.users)) if group else set()

    def named(self, grant: Grant) -> Grant:
        """With the names of today. Raises NotFoundError when a part of it does not exist."""
        holders: dict[str, Any] = dict(self.users if grant.holder_kind is HolderKind.USER else self.groups)
        names = {role_id: name for name, role_id in self.role_ids.items()}
        if grant.place is Place.SYSTEM:
            places = {"all": ""}
        elif grant.place is Place.DOMAIN:
            places = self.domains
        else:
            places = {project.id: project.name for project in self.projects.values()}
        for kind, one, known in (
            (grant.holder_kind.value, grant.holder_id, holders), ("role", grant.role_id, names), (grant.place.value, grant.place_id, places),
        ):  # fmt: skip
            if one not in known:
                raise NotFoundError(kind, one)
        return Grant(
            grant.holder_kind, grant.holder_id, grant.role_id, grant.place, grant.place_id, grant.inherited,
            holders[grant.holder_id].name, names[grant.role_id], places[grant.place_id],
        )  # fmt: skip

    # -- what destroys for good

    def drop_user(self, user_id: str) -> None:
        """As Keystone: his assignments, application credentials, trusts and EC2 credentials go with him, and do not come back."""
        self.users.pop(user_id, None)
        for group in self.groups.values():
            group.members.discard(user_id)
        self.assignments = {
            key: grant for key, grant in self.assignments.items() if grant.holder_id != user_id
        }
        self.disable_user(user_id)
        self.all_trusts = {
            key: trust
            for key, trust in self.all_trusts.items()
            if user_id not in {trust.trustor_id, trust.trustee_id}
        }

    def disable_user(self, user_id: str) -> None:
        """Disabling alone destroys application credentials."""
        self.credentials = {key: one for key, one in self.credentials.items() if one.user_id != user_id}

    def drop_role(self, name: str) -> None:
        """Its assignments go, and every application credential and trust that has it."""
        role_id = self.role_ids.pop(name)
        self.implications.pop(role_id, None)
        for implied in self.implications.values():
            implied.discard(role_id)
        self.assignments = {key: grant for key, grant in self.assignments.items() if grant.role_id != role_id}
        self.credentials = {key: one for key, one in self.credentials.items() if name not in one.roles}
        self.all_trusts = {key: trust for key, trust in self.all_trusts.items() if name not in trust.roles}

    # -- faults

    def fail(self, call: str, error: Exception, *, times: int = 1, after: bool = False) -> None:
        self._faults[call] += [(error, after)] * times

    @contextmanager
    def call(self, name: str, subject: str = "", detail: str = "", *, writes: bool = False) -> Iterator[None]:
        with self.lock:
            self.calls += 1
            if writes:
                self.on_call(f"{name}:before")
            for hook in self.before.pop(name, []):
                hook()
            error, after = self._faults[name].pop(0) if self._faults[name] else (None, False)
            if error is not None and not after:
                raise error
            yield
            for hook in self.behind.pop(name, []):
                hook()
            if writes:
                self.journal.append((name, subject, detail))
                self.on_call(f"{name}:after")
            if error is not None:
                raise error

    def _with_implied(self, roles: Iterable[str]) -> set[str]:
        names = {role_id: name for name, role_id in self.role_ids.items()}
        return {
            names[each]
            for role in roles
            for each in {self.role_ids[role], *self.closure(self.role_ids[role])}
        }
