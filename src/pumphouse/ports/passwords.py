"""How users of Keystone's own database (SQL) can log in after a migration: the hashes of their passwords are carried over, or each gets a one-time password in a
file for the operator. No API shows a password or its hash. Implemented by drivers/keystone_database/ and drivers/onboarding.py.

Never is a password made up that many would share, and one that exists in the destination is never replaced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from pumphouse.ports.resources import KindDriver


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """The hash of the password that holds for one user. It never appears in `repr`.

    Times are microseconds since 1970-01-01 UTC, as Keystone keeps them; `expires_at_us` None never expires. `self_service` says that the user has chosen it himself.
    """

    hash: str = field(repr=False)
    created_at_us: int
    expires_at_us: int | None
    self_service: bool

    @property
    def algorithm(self) -> str:
        """The name in front of it: `2b`, `bcrypt-sha256`, `scrypt`, `pbkdf2-sha512`, `6`."""
        parts = self.hash.split("$")
        return parts[1] if len(parts) > 2 else ""


class Carried(StrEnum):
    """What became of the password of one user."""

    CARRIED = "carried"
    """his hash is in the destination: he logs in as before"""
    KEPT = "kept"
    """he has a password in the destination already, which stays"""
    NONE = "none"
    """he has none in the source's database: a directory or an identity provider knows him, or he never had one"""
    UNKNOWN_ALGORITHM = "unknown_algorithm"
    """the destination's Keystone could not check this hash: he needs a new password"""
    ONBOARDED = "onboarded"
    """he has a one-time password, which is in the operator's file"""


class PasswordSource(Protocol):
    """Reads hashes of one Keystone; never writes."""

    def hashes(self, user_ids: Sequence[str]) -> Mapping[str, PasswordHash]:
        """User id -> the hash that holds now; those without one are missing.

        Raises:
            StoreFaultError: the database cannot be reached.
            CredentialsError: it refuses the login.
        """
        ...


class PasswordTarget(Protocol):
    """Writes hashes into one Keystone."""

    def put(self, hashes: Mapping[str, PasswordHash]) -> Mapping[str, Carried]:
        """User id -> what became of it (CARRIED, KEPT, UNKNOWN_ALGORITHM; NONE for one whose user is not in this database); all in one transaction, and
        the same again when it is repeated.

        Raises:
            StoreFaultError, CredentialsError
        """
        ...


class PasswordDatabase(PasswordSource, PasswordTarget, Protocol):
    """The database of one Keystone, as far as its login allows."""


@runtime_checkable
class SetsPassword(KindDriver, Protocol):
    """The users of a cloud whose passwords an administrator can set."""

    def set_password(self, id: str, password: str) -> None:
        """Set it; safe to repeat. Where the destination's Keystone is told to (`change_password_upon_first_use`), the user must change it at his first login.

        Raises:
            CloudRefusedError: it does not fit the cloud's rules for passwords.
        """
        ...


class Onboarding(Protocol):
    """A file with one-time passwords, for the operator to hand out."""

    def password_for(self, user_id: str, name: str, domain: str) -> str:
        """A random password for this user, in the file for good before it is answered; the same one when asked again."""
        ...
