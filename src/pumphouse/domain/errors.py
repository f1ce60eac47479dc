"""Every error that Pumphouse raises on purpose: one root, two families, a stable code and a remedy each.

The engine decides by family (temporary: try again, permanent: stop); the API maps the class to an HTTP status. Every error is shown to
people and kept in events, so logins in URLs are taken out here, once for all.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pumphouse.domain.confidential import described, is_secret_name, plain, without_logins
from pumphouse.domain.finding import Finding


class PumphouseError(Exception):
    """Root of all. `code` is a stable slug, `message` a whole sentence, `hint` the remedy."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = without_logins(message)
        self.hint = without_logins(hint)
        super().__init__(self.message)


class PermanentError(PumphouseError):
    """Trying again would give the same answer."""

    code = "permanent"


class TemporaryError(PumphouseError):
    """Trying again may help, not before `after_s` seconds."""

    code = "temporary"

    def __init__(self, message: str, *, hint: str = "", after_s: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.after_s = after_s


class InvalidInputError(PermanentError):
    """A value given by a person or a client is wrong: says which field, which value and what would be right.

    Only its kind and length are told, and kept as `value`, where it is or may be a secret: with `hidden` (what nobody knows, such as a
    mistyped name, may hold anything), where the field's name sounds like a secret, for every option of a deployer, and for lists and mappings.
    """

    code = "invalid-input"

    def __init__(
        self, field: str, value: object, message: str, *, hint: str = "", hidden: bool = False
    ) -> None:
        hidden = hidden or _is_confidential(field, value)
        self.value = described(value) if hidden else plain(value) if isinstance(value, str) else value
        shown = f"({self.value})" if hidden else repr(self.value)
        super().__init__(f"{field} {shown}: {message}", hint=hint)
        self.field = without_logins(field)


class NotFoundError(PermanentError):
    """A named thing does not exist."""

    code = "not-found"

    def __init__(self, kind: str, name: str, *, hint: str = "") -> None:
        super().__init__(f"there is no {kind} {name!r}", hint=hint)
        self.kind = kind
        self.name = name


class AmbiguousError(PermanentError):
    """A name fits more than one thing; the hint lists their ids."""

    code = "ambiguous"


class ConflictError(PermanentError):
    """The thing is in a state that does not allow this."""

    code = "conflict"


class LockedError(PermanentError):
    """Another operation holds the environment, node or tenant."""

    code = "locked"


class BlockedError(PermanentError):
    """The plan has critical findings; nothing was changed."""

    code = "blocked-by-findings"

    def __init__(self, message: str, findings: Sequence[Finding]) -> None:
        super().__init__(message, hint="read the findings, remove their causes and plan again")
        self.findings = tuple(findings)


class CredentialsError(PermanentError):
    """A cloud refused who we are (401) or what we may (403)."""

    code = "credentials"


class CloudRefusedError(PermanentError):
    """A cloud answered with a 4xx that will not change by itself; carries its words and request id."""

    code = "cloud-refused"


class CloudFaultError(TemporaryError):
    """A cloud could not be reached, timed out, or answered 409/429/5xx."""

    code = "cloud-fault"


class StoreFaultError(TemporaryError):
    """The database could not be reached, was locked for too long, or broke a connection."""

    code = "store-fault"


class DeadlineError(PermanentError):
    """Something did not happen within the time that its size allows."""

    code = "deadline"


class DeployerError(PermanentError):
    """A deployer could not do what it was asked for; the message holds its last words."""

    code = "deployer"


class StaleOwnerError(PermanentError):
    """This process no longer owns the operation: another has taken it over, and this write was refused."""

    code = "stale-owner"


class StoppedError(PumphouseError):
    """Pause, cancel or shutdown was asked for: unwinds a waiting step, is never shown as a failure."""

    code = "stopped"


def _is_confidential(field: str, value: object) -> bool:
    if value is None:
        return False
    last = re.split(r"[\s.:]", field)[-1]
    return (
        is_secret_name(last)
        or field.partition(".")[0] == "deployer_options"
        or isinstance(value, Mapping | list | tuple | set | frozenset)
    )
