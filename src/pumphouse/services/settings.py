"""Use cases of settings: how an environment is built, kept with it, and two of them side by side."""

from collections.abc import Mapping
from typing import Any

from pumphouse.domain.comparison import Comparison, compare
from pumphouse.domain.errors import CloudFaultError, PumphouseError
from pumphouse.domain.settings import SCHEMA, Settings, completed
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import SettingsStore
from pumphouse.ports.toolbox import Toolbox
from pumphouse.services.environments import Environments


class EnvironmentSettings:
    """The settings of environments."""

    def __init__(
        self, *, store: SettingsStore, environments: Environments, tools: Toolbox, clock: Clock
    ) -> None:
        self._store = store
        self._environments = environments
        self._tools = tools
        self._clock = clock

    def show(self, name_or_id: str, *, refresh: bool = False) -> Settings:
        """The settings as they were last read; read now when they never were, were written under another schema, or with `refresh`.

        Raises:
            CloudFaultError: the cloud cannot be reached; what was read before stays, and the hint says so.
            CredentialsError: it refused us.
        """
        environment = self._environments.show(name_or_id)
        kept = self._store.settings(environment.id)
        if kept is not None and kept.schema != SCHEMA:
            kept = None
        if kept is not None and not refresh:
            return kept
        try:
            found = self._tools.settings(environment.name).read()
        except CloudFaultError as fault:
            if kept is None:
                raise
            hint = f"as of {kept.read_at:%Y-%m-%d %H:%M} UTC: pumphouse env settings {environment.name}, without --refresh"
            raise CloudFaultError(fault.message, hint=hint, after_s=fault.after_s) from fault
        settings = completed(environment.name, found, self._told(environment.name), self._clock.now())
        self._store.put_settings(environment.id, settings)
        return settings

    def diff(self, left: str, right: str, *, refresh: bool = False) -> Comparison:
        """Two environments side by side, with what matters for moving nodes and tenants from `left` to `right`. Raises as `show` does."""
        return compare(self.show(left, refresh=refresh), self.show(right, refresh=refresh))

    def _told(self, name: str) -> Mapping[str, tuple[Any, str]]:
        """What its deployer tells. One that cannot be asked tells nothing: what the cloud told is worth showing without it."""
        if self._environments.show(name).deployer is None:
            return {}
        try:
            return self._tools.deployer(name).settings()
        except PumphouseError:
            return {}
