"""Acting as a member of a tenant, to prove what he can and cannot do. Implemented by drivers/openstack/prober.py."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pumphouse.domain.fence import ProbeResult


class ProbeLogin(Protocol):
    """One token of a member of the tenant; its repr shows no secret. It is never renewed by itself: a token from before stays one."""

    @property
    def label(self) -> str:
        """`fresh token`, `token from before`."""
        ...


class Prober(Protocol):
    """Probes of one cloud. Every writing probe is made so that it fails later (400, 404, 409, 413) if it is wrongly let through, and leaves nothing
    behind; where no such request exists, what it makes carries `mark` in its name and `clean` removes it.
    """

    def log_in(
        self, user_id: str, password: str, tenant_id: str, *, label: str = "fresh token"
    ) -> ProbeLogin:
        """Take a token of a user in a tenant. Raises CredentialsError when there is none to be had (no role any more)."""
        ...

    def targets(self, tenant_id: str) -> Mapping[str, str]:
        """One thing of each kind that the tenant has, chosen by the administrator as safe to try on: kind -> id (kinds: server, network, subnet,
        router, port, security_group, floating_ip, volume, image). The server should be one that is locked already, see `needs_lock`.
        """
        ...

    def needs_lock(self, targets: Mapping[str, str]) -> str:
        """The id of the server that the caller must lock (admin lock, journalled) for as long as it is probed, so that a delete or suspend that is
        wrongly let through ends in 409; "" when there is none or it is locked already.
        """
        ...

    def probe(
        self, login: ProbeLogin, tenant_id: str, targets: Mapping[str, str], *, mark: str, services: Sequence[str] | None = None,
        wanted: str = "denied",
    ) -> Sequence[ProbeResult]:  # fmt: skip
        """Try every action on every service (or on `services`), reads too. `wanted` is what is expected of writes: `denied` (403), or `let through`
        (anything but 403: only the probes that leave no trace are used). Reads are always expected to be allowed.
        """
        ...

    def clean(self, tenant_id: str, mark: str) -> Sequence[str]:
        """As administrator, remove whatever carries `mark`; answers what was removed, in words."""
        ...
