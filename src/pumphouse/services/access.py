"""Who may do what: roles, permissions, and the one table between them. Every route of the API names a permission of this module."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol

from pumphouse.domain.errors import PermanentError


class Role(IntEnum):
    """What somebody is; each includes the ones below it."""

    READER = 1
    OPERATOR = 2
    ADMIN = 3


class Permission(StrEnum):
    """What somebody may want to do."""

    STATUS_READ = "status:read"
    ENVIRONMENT_READ = "environment:read"
    ENVIRONMENT_CHECK = "environment:check"
    ENVIRONMENT_WRITE = "environment:write"
    NODE_READ = "node:read"
    NODE_MAINTAIN = "node:maintain"
    NODE_EVACUATE = "node:evacuate"
    NODE_MOVE = "node:move"
    NODE_DELETE = "node:delete"
    TENANT_READ = "tenant:read"
    TENANT_MAINTAIN = "tenant:maintain"
    TENANT_MIGRATE = "tenant:migrate"
    TENANT_COMMIT = "tenant:commit"
    OPERATION_READ = "operation:read"
    OPERATION_CONTROL = "operation:control"
    EVENT_READ = "event:read"
    HEALTH_READ = "health:read"
    HEALTH_RUN = "health:run"
    PLAN = "plan:make"


NEEDED_ROLE: Mapping[Permission, Role] = {
    Permission.STATUS_READ: Role.READER,
    Permission.ENVIRONMENT_READ: Role.READER,
    Permission.NODE_READ: Role.READER,
    Permission.TENANT_READ: Role.READER,
    Permission.OPERATION_READ: Role.READER,
    Permission.EVENT_READ: Role.READER,
    Permission.HEALTH_READ: Role.READER,
    # these put load on a cloud, or show what an operation would decide
    Permission.ENVIRONMENT_CHECK: Role.OPERATOR,
    Permission.PLAN: Role.OPERATOR,
    Permission.HEALTH_RUN: Role.OPERATOR,
    # these can be taken back
    Permission.NODE_MAINTAIN: Role.OPERATOR,
    Permission.NODE_EVACUATE: Role.OPERATOR,
    Permission.TENANT_MAINTAIN: Role.OPERATOR,
    Permission.OPERATION_CONTROL: Role.OPERATOR,
    # these pass a point of no return, or touch credentials
    Permission.NODE_MOVE: Role.ADMIN,
    Permission.NODE_DELETE: Role.ADMIN,
    Permission.TENANT_MIGRATE: Role.ADMIN,
    Permission.TENANT_COMMIT: Role.ADMIN,
    Permission.ENVIRONMENT_WRITE: Role.ADMIN,
}
"""What role a permission needs; docs/api.md prints this table."""


KIND_PERMISSION: Mapping[str, Permission] = {
    "check_health": Permission.HEALTH_RUN,
    "maintain_node": Permission.NODE_MAINTAIN,
    "evacuate_node": Permission.NODE_EVACUATE,
    "reassign_node": Permission.NODE_MOVE,
    "delete_node": Permission.NODE_DELETE,
    "duplicate_environment": Permission.ENVIRONMENT_WRITE,
    "delete_environment": Permission.ENVIRONMENT_WRITE,
    "lock_tenant": Permission.TENANT_MAINTAIN,
    "unlock_tenant": Permission.TENANT_MAINTAIN,
    "verify_tenant": Permission.TENANT_MAINTAIN,
    "migrate_tenant": Permission.TENANT_MIGRATE,
    "verify_migration": Permission.TENANT_MAINTAIN,
    "rollback_tenant": Permission.TENANT_MIGRATE,
    "commit_tenant": Permission.TENANT_COMMIT,
}
"""What starting an operation of a kind needs; making one go on, or back, needs it as well."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who asks for something."""

    name: str
    role: Role


class UnauthenticatedError(PermanentError):
    """We do not know who asks."""

    code = "unauthenticated"


class ForbiddenError(PermanentError):
    """We know who asks, and they may not."""

    code = "forbidden"


def authorise(actor: Actor, permission: Permission) -> None:
    """Let `actor` pass.

    Raises:
        ForbiddenError: the permission needs a higher role.
    """
    needed = NEEDED_ROLE[permission]
    if actor.role < needed:
        raise ForbiddenError(
            f"{actor.name} has the role {actor.role.name.lower()}; {permission} needs {needed.name.lower()}",
            hint="ask an administrator for a token with that role",
        )


def authorise_kind(actor: Actor, kind: str) -> None:
    """Let `actor` pass who could have started an operation of that kind; one that the table does not know is for administrators.

    Raises:
        ForbiddenError: it needs a higher role.
    """
    authorise(actor, KIND_PERMISSION.get(kind, Permission.NODE_DELETE))


class Authenticator(Protocol):
    """Tells who sends a request from its Authorization header."""

    def authenticate(self, authorization: str | None) -> Actor:
        """Raises UnauthenticatedError."""
        ...


@dataclass(frozen=True, slots=True)
class LocalOperator:
    """For the application inside the operator's own process: whoever runs the process has the database and the keys anyway."""

    actor: Actor

    def authenticate(self, authorization: str | None) -> Actor:
        del authorization
        return self.actor


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token that we accept; only the SHA-256 of its text (hex) is kept."""

    name: str
    role: Role
    sha256: str = field(repr=False)


class TokenAuthenticator:
    """For the server: bearer tokens."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._tokens = tuple(tokens)

    def authenticate(self, authorization: str | None) -> Actor:
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise UnauthenticatedError(
                "this needs a bearer token",
                hint="send 'Authorization: Bearer TOKEN'; the server's own token is in its token file",
            )
        digest = hash_token(text.strip())
        for token in self._tokens:
            if hmac.compare_digest(token.sha256, digest):
                return Actor(token.name, token.role)
        raise UnauthenticatedError(
            "the bearer token is not known here", hint="was the server started with another state directory?"
        )


def hash_token(text: str) -> str:
    """The form in which a token is kept: SHA-256 in hex. Tokens are long and random, so no slow hash is needed."""
    return hashlib.sha256(text.encode()).hexdigest()
