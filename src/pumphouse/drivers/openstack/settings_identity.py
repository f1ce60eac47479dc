"""Settings of Keystone: what is asked, and what each key of `identity.*` is told from; settings.py puts the tables together."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from pumphouse.drivers.openstack.settings_answers import Ask, AskEach
from pumphouse.drivers.openstack.settings_table import Tell, by_name
from pumphouse.drivers.openstack.transport import Rows

_DOMAINS_ASKED: Final = 32
"""Roles and configuration of a domain can only be asked per domain."""


def _config_asks(domains: Rows) -> dict[str, Ask]:
    # the group `identity` alone: others hold what LDAP is reached with
    return {
        row["name"]: Ask(
            "identity", f"/domains/{quote(row['id'], safe='')}/config/identity", "config", absent={}
        )
        for row in domains[:_DOMAINS_ASKED]
    }


def _role_asks(domains: Rows) -> dict[str, Ask]:
    return {
        row["name"]: Ask("identity", "/roles", "roles", params={"domain_id": row["id"]})
        for row in domains[:_DOMAINS_ASKED]
    }


ASKED: Final[Mapping[str, Ask | AskEach]] = {
    "regions": Ask("identity", "/regions", "regions"),
    "domains": Ask("identity", "/domains", "domains"),
    "roles": Ask("identity", "/roles", "roles"),
    "inferences": Ask("identity", "/role_inferences", "role_inferences"),
    "identity_default": Ask("identity", "/domains/config/identity/default", "config"),
    "providers": Ask(
        "identity", "/OS-FEDERATION/identity_providers", "identity_providers", absent=[]
    ),
    "limits_model": Ask("identity", "/limits/model", "model"),
    "domain_configs": AskEach(("domains",), _config_asks, Ask("identity", "/domains/ID/config/identity")),
    "domain_roles": AskEach(("domains",), _role_asks, Ask("identity", "/roles?domain_id=ID")),
}  # fmt: skip


def _drivers(configs: Mapping[str, Any]) -> dict[str, str]:
    told = {domain: (config.get("identity") or {}).get("driver") for domain, config in configs.items()}
    return {domain: str(driver) for domain, driver in sorted(told.items()) if driver}


def _roles(roles: Rows, inferences: Rows, of_domains: Mapping[str, Rows]) -> list[dict[str, Any]]:
    implies = {row["prior_role"]["id"]: sorted(one["name"] for one in row["implies"]) for row in inferences}
    found = [_role(row, "", implies) for row in roles]
    found += [_role(row, domain, implies) for domain, rows in of_domains.items() for row in rows]
    return by_name(found)


def _role(row: Mapping[str, Any], domain: str, implies: Mapping[str, list[str]]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "domain": domain,
        "description": row.get("description") or "",
        "immutable": bool((row.get("options") or {}).get("immutable")),
        "implies": implies.get(row["id"], []),
    }


def _domains(rows: Rows) -> list[dict[str, Any]]:
    return by_name(
        [
            {
                "name": row["name"],
                "description": row.get("description") or "",
                "enabled": bool(row.get("enabled", True)),
            }
            for row in rows
        ]
    )


TOLD: Final = (
    Tell("identity.regions", ("regions",), lambda rows: sorted(row["id"] for row in rows)),
    Tell("identity.driver", ("identity_default",), lambda config: str(config["identity"]["driver"])),
    Tell("identity.domain_drivers", ("domain_configs",), _drivers),
    Tell("identity.providers", ("providers",), lambda rows: sorted(row["id"] for row in rows)),
    Tell("identity.limits_model", ("limits_model",), lambda row: row["name"]),
    Tell("contents.domains", ("domains",), _domains),
    Tell("contents.roles", ("roles", "inferences", "domain_roles"), _roles),
)
