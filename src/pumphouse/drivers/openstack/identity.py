"""Who we are at one cloud: one token for all threads, one connection pool per thread, and the catalog that comes with the token; transport.py asks."""

import threading
import weakref
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.errors import translated

if TYPE_CHECKING:
    from keystoneauth1.plugin import BaseAuthPlugin
    from keystoneauth1.session import Session


class Identity:
    """Tokens, sessions and the catalog. Errors are already those of the domain; nothing is tried twice here."""

    def __init__(self, environment: str, settings: CloudSettings) -> None:
        self._settings = settings
        self._keystone = f"{environment} keystone"
        self._local = threading.local()
        self._sessions: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._known: BaseAuthPlugin | None = None
        self.answered = False
        """Whether this cloud has ever answered us, a login being the first answer."""

    def session(self) -> "Session":
        """This thread's session: connections are kept, and not shared (requests does not promise that they may be)."""
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            from keystoneauth1.session import Session as KeystoneSession

            settings = self._settings
            session = KeystoneSession(
                verify=(settings.cacert or True) if settings.verify else False,
                cert=(settings.cert, settings.key) if settings.cert and settings.key else settings.cert,
                user_agent=_user_agent(),
                timeout=settings.read_s,
            )
            self._local.session = session
            self._sessions.add(session)
        return session

    def headers(self) -> dict[str, str]:
        """The headers that carry our token, which is fetched when there is none or it is about to expire."""
        what = f"{self._keystone}: authentication at {self._settings.auth.get('auth_url', '?')}"
        found = translated(what, lambda: dict(self.plugin().get_headers(self.session()) or {}))
        self.answered = True
        return found

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget the token of the refused headers; True when another try makes sense. Of many threads that were refused one token only the first forgets it."""
        with self._lock:
            plugin = self._made()
            held = translated(self._keystone, lambda: dict(plugin.get_headers(self.session()) or {}))
            return held != dict(refused) or bool(plugin.invalidate())

    def url_of(self, service: str) -> str:
        """The service's URL in the catalog for our interface and region.

        Raises:
            CloudRefusedError: the catalog has none.
        """
        settings = self._settings

        def look() -> str:
            from keystoneauth1.exceptions import EndpointNotFound

            url = self.plugin().get_endpoint(
                self.session(),
                service_type=service,
                interface=settings.interface,
                region_name=settings.region,
                skip_discovery=True,
            )
            if not url:
                raise EndpointNotFound(f"the catalog has no {settings.interface} endpoint of {service}")
            return str(url)

        url = translated(f"{self._keystone}: looking up the {service} service", look)
        self.answered = True
        return url

    def catalog(self) -> list[dict[str, Any]]:
        """The service catalog as Keystone wrote it; empty for a token without one."""

        def read() -> list[dict[str, Any]]:
            access = self.plugin().get_access(self.session())  # type: ignore[attr-defined]  # only identity plugins have it, and only they have a catalog
            return list(access.service_catalog.catalog) if access.has_service_catalog() else []

        return translated(f"{self._keystone}: reading the catalog", read)

    def project_id(self) -> str:
        """The project of our token ("" for another scope)."""
        return translated(
            f"{self._keystone}: reading the token",
            lambda: str(self.plugin().get_project_id(self.session()) or ""),
        )

    def user(self) -> tuple[str, str]:
        """Id of the user of our token, and of his domain ("" where the token does not tell)."""

        def read() -> tuple[str, str]:
            access = self.plugin().get_access(self.session())  # type: ignore[attr-defined]  # as in catalog()
            return str(access.user_id or ""), str(access.user_domain_id or "")

        return translated(f"{self._keystone}: reading the token", read)

    def plugin(self) -> "BaseAuthPlugin":
        """Keystoneauth's plugin, which holds the token; it locks by itself."""
        if self._known is None:
            with self._lock:
                return self._made()
        return self._known

    def close(self) -> None:
        """Give back all connections."""
        for session in list(self._sessions):
            session.session.close()

    def _made(self) -> "BaseAuthPlugin":
        if self._known is None:
            from keystoneauth1.loading import get_plugin_loader

            loader: Any = translated(self._keystone, lambda: get_plugin_loader(self._settings.auth_type))
            known = {option.dest for option in loader.get_options()}
            given = {name: value for name, value in self._settings.auth.items() if name in known}
            self._known = translated(
                self._keystone, lambda: loader.load_from_options(**_with_domains(given, known))
            )
        return self._known


@cache
def _user_agent() -> str:
    return f"pumphouse/{version('pumphouse')}"


def _with_domains(auth: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Names without a domain belong to the default one, as every OpenStack tool takes it."""
    for name, needs in (("user_domain_id", "username"), ("project_domain_id", "project_name")):
        other = name.removesuffix("_id") + "_name"
        if (
            name in known
            and auth.get(needs)
            and not auth.get(name)
            and not auth.get(other)
            and "default_domain_id" not in auth
        ):
            auth[name] = "default"
    return auth
