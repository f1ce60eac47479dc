"""Connections for populating: as the cloud's administrator, and as a tenant's users, whose passwords are kept 0600 in `tenants.yaml`.

`tenants.yaml` lies beside clouds.yaml and has the same form, so that tests and people can act as a tenant
(`OS_CLIENT_CONFIG_FILE=.../tenants.yaml openstack --os-cloud old-acme server list`).
"""

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openstack
import yaml

from pumphouse.lab.errors import LabConfigurationError
from pumphouse.lab.populate.door import Door
from pumphouse.lab.topology import write_atomically

TENANTS_FILE = "tenants.yaml"

Entry = dict[str, Any]
"""An entry of a clouds.yaml: the SDK's own form, checked by the SDK."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who a connection is for: a user with a password in a project of the default domain."""

    user: str
    project: str
    password: str = field(repr=False)


ConnectionFactory = Callable[[Login | None], Door]
"""Opens a connection to the cloud that is populated: as a tenant's user, or with None as its administrator."""


def connection_factory(cloud: str, clouds_yaml: Path) -> ConnectionFactory:
    """Connections by the entry `cloud` of a clouds.yaml.

    Raises:
        LabConfigurationError: there is no such file or entry.
    """
    entry = _read(clouds_yaml).get(cloud)
    if entry is None:
        raise LabConfigurationError(
            "cloud",
            cloud,
            f"not in {clouds_yaml}",
            hint="Start the lab with `pumphouse lab up`; its clouds are there.",
        )
    auth = entry["auth"]

    def connect(login: Login | None) -> Door:
        settings = {**auth}
        if login is not None:
            settings = _tenant_auth(str(auth["auth_url"]), login)
        return Door(
            openstack.connect(
                load_yaml_config=False,
                load_envvars=False,
                auth=settings,
                region_name=entry.get("region_name"),
                app_name="pumphouse-lab",
                api_timeout=120,
            )
        )

    return connect


class TenantLogins:
    """The passwords of one cloud's tenants' users, made when first asked for. Entries are `CLOUD-TENANT` for the operator and
    `CLOUD-USER` for the others. A password is on the disk before it is in the cloud.
    """

    def __init__(self, cloud: str, path: Path, auth_url: str, region: str | None) -> None:
        self._cloud = cloud
        self._path = path
        self._auth_url = auth_url
        self._region = region
        self._lock = threading.Lock()

    def entry(self, tenant: str, user: str) -> str:
        return f"{self._cloud}-{tenant}" if user == f"{tenant}-ops" else f"{self._cloud}-{user}"

    def login(self, tenant: str, user: str) -> Login:
        """The user's login; the same each time, made and written down when it is new."""
        name = self.entry(tenant, user)
        with self._lock:
            entries = _read(self._path)
            known = entries.get(name)
            if known is not None and known["auth"]["auth_url"] == self._auth_url:
                return Login(user, tenant, str(known["auth"]["password"]))
            login = Login(user, tenant, secrets.token_urlsafe(18))
            auth = _tenant_auth(self._auth_url, login)
            entries[name] = {"auth": auth}
            if self._region:
                entries[name]["region_name"] = self._region
            self._write(entries)
            return login

    def forget(self, tenants: Iterable[str]) -> None:
        """Drop the entries of these tenants of this cloud."""
        gone = {self.entry(t, f"{t}-{part}") for t in tenants for part in ("ops", "dev", "audit")}
        with self._lock:
            entries = _read(self._path)
            kept = {k: v for k, v in entries.items() if k not in gone}
            if kept != entries:
                self._write(kept)

    def _write(self, entries: dict[str, Entry]) -> None:
        write_atomically(self._path, yaml.safe_dump({"clouds": entries}), mode=0o600)


def tenant_logins(cloud: str, clouds_yaml: Path) -> TenantLogins:
    """The logins kept beside `clouds_yaml` for the tenants of `cloud`."""
    entry = _read(clouds_yaml).get(cloud) or {"auth": {"auth_url": ""}}
    return TenantLogins(
        cloud, clouds_yaml.with_name(TENANTS_FILE), str(entry["auth"]["auth_url"]), entry.get("region_name")
    )


def _tenant_auth(auth_url: str, login: Login) -> dict[str, str]:
    return {
        "auth_url": auth_url,
        "username": login.user,
        "password": login.password,
        "project_name": login.project,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }


def _read(path: Path) -> dict[str, Entry]:
    if not path.exists():
        return {}
    clouds: dict[str, Entry] = (yaml.safe_load(path.read_text()) or {}).get("clouds", {})
    return clouds
