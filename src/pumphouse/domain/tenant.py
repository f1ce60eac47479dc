"""Tenants (Keystone projects) and who may do what in them; read through ports/identity.py, changed by the fence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Tenant:
    """A Keystone project."""

    id: str
    name: str
    environment: str
    domain_id: str
    domain_name: str
    enabled: bool = True
    description: str = ""
    parent_id: str = ""
    tags: tuple[str, ...] = ()


class HolderKind(StrEnum):
    """Who can hold a role."""

    USER = "user"
    GROUP = "group"


class Place(StrEnum):
    """What a role is held on."""

    PROJECT = "project"
    DOMAIN = "domain"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Grant:
    """One role assignment as Keystone stores it: a holder has a role on a place.

    `inherited` assignments (OS-INHERIT) hold for the projects below their place, not for the place itself. The names are for people;
    identity is `key`.
    """

    holder_kind: HolderKind
    holder_id: str
    role_id: str
    place: Place
    place_id: str
    inherited: bool = False
    holder_name: str = ""
    role_name: str = ""
    place_name: str = ""

    @property
    def key(self) -> str:
        """The same for the same assignment, whatever its parts are called today."""
        how = "inherited" if self.inherited else "direct"
        return f"{self.place}/{self.place_id}/{self.holder_kind}/{self.holder_id}/{self.role_id}/{how}"


class Source(StrEnum):
    """Where an effective role comes from; a role through a group on a domain that is inherited has several."""

    DIRECT = "direct"
    GROUP = "group"
    INHERITED = "inherited"
    IMPLIED = "implied"
    DOMAIN = "domain"
    """held on the domain of the tenant itself: not effective in it, but its holder may hand out roles there"""
    SYSTEM = "system"
    """held on the whole system: not effective in it, but above every tenant"""


@dataclass(frozen=True, slots=True)
class EffectiveRole:
    """A role that a user has in a tenant in the end, and why. `via` says it in words: `group eng`, `inherited from domain Default`."""

    user_id: str
    user_name: str
    user_domain: str
    role_id: str
    role_name: str
    sources: frozenset[Source]
    via: str = ""
    grant_key: str = ""
    """of the assignment that it comes from, where that is known"""


@dataclass(frozen=True, slots=True)
class ApplicationCredential:
    """A user's application credential in a tenant; its secret is never read (Keystone does not show it)."""

    id: str
    name: str
    user_id: str
    project_id: str
    roles: tuple[str, ...]
    """names"""
    unrestricted: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """A trust that hands roles in a tenant from one user to another."""

    id: str
    trustor_id: str
    trustee_id: str
    project_id: str
    roles: tuple[str, ...]
    """names"""
    impersonation: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TenantServer:
    """A server of a tenant, as far as a fence needs it. `task` is Nova's task_state ("" when it is at rest)."""

    id: str
    name: str
    status: str
    task: str = ""
    locked: bool = False
    locked_reason: str = ""


@dataclass(frozen=True, slots=True)
class TenantPeople:
    """Everything about who may do what in a tenant, read at one time.

    `grants` are those on the tenant itself (direct and inherited-to-below); `roles` what follows from all grants, groups, inheritance and
    implication for each user, and the domain and system roles above it (Source.DOMAIN, Source.SYSTEM).
    """

    tenant: Tenant
    grants: tuple[Grant, ...]
    roles: tuple[EffectiveRole, ...]
    application_credentials: tuple[ApplicationCredential, ...] = ()
    trusts: tuple[Trust, ...] = ()
    ec2_credentials: Mapping[str, int] = field(default_factory=dict)
    """user id -> how many"""
    federated: tuple[str, ...] = ()
    """mappings of federated identity that may give roles in it at login, in words"""
    gaps: tuple[str, ...] = ()
    """what the cloud did not let us read of this, in words; empty when everything was read"""
