"""The tables of tenants, of their people, and of the fences around them. Used by the commands; knows nothing but wire models."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pumphouse.cli import tables
from pumphouse.cli.tables import duration, findings, pairs_table, plain_table, when, word

if TYPE_CHECKING:
    from pumphouse.wire.tenant import (
        EffectiveRoleView,
        FenceView,
        TenantDetailsView,
        TenantPage,
    )


def tenants(page: "TenantPage") -> Table:
    table = plain_table("TENANT", "DOMAIN", "STATUS", "SERVERS", "UNTIL", "REASON", "ID")
    for t in page.items:
        fence = t.maintenance
        table.add_row(
            f"{t.environment}/{t.name}",
            t.domain_name,
            word(t.status),
            str(t.server_count),
            when(fence.until) if fence else "",
            fence.reason if fence else "",
            t.id,
        )
    for u in page.unreachable:
        table.add_row(f"{u.environment}/?", "", word("unreachable"), "", "", f"{u.detail} [{u.code}]", "")
    return table


def tenant(t: "TenantDetailsView") -> RenderableType:
    pairs: dict[str, Any] = {
        "name": f"{t.environment}/{t.name}",
        "id": t.id,
        "domain": t.domain_name,
        "status": word(t.status),
        "description": t.description,
        "tags": ", ".join(t.tags),
        "has": ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in t.counts.items() if count),
        "federated": "; ".join(t.federated),
    }
    parts: list[RenderableType] = [pairs_table({k: v for k, v in pairs.items() if v})]
    if t.maintenance is not None:
        parts += _titled("Maintenance", fence(t.maintenance, proof=False))
    parts += _titled("Who may do what", _people(t))
    names = {role.user_id: role.user_name for role in t.roles}
    if t.application_credentials:
        parts += _titled("Application credentials", _credentials(t, names))
    if t.trusts:
        parts += _titled("Trusts", _trusts(t, names))
    if t.ec2_credentials:
        held = ", ".join(f"{names.get(user, user)}: {n}" for user, n in t.ec2_credentials.items())
        parts += _titled("EC2 credentials", Text(held))
    parts += _titled("Servers", _servers(t) if t.servers else Text("none"))
    return Group(*parts)


def fences(found: Sequence["FenceView"]) -> RenderableType:
    if not found:
        return Text("No tenant is in maintenance.")
    table = plain_table("TENANT", "STATUS", "SINCE", "FOR", "UNTIL", "PROVEN", "BY", "REASON")
    for f in found:
        table.add_row(
            f"{f.environment}/{f.name}",
            word(f.status),
            when(f.since),
            duration(f.age_s),
            when(f.until) or "-",
            when(f.proven_at) or "not yet",
            f.actor,
            f.reason,
        )
    told = [finding for f in found for finding in f.findings]
    return Group(table, Text(), findings(told)) if told else table


def fence(f: "FenceView", *, proof: bool = True) -> RenderableType:
    held = f"{f.held_by[:8]}, {str(f.held_status or '').replace('_', ' ')}" if f.held_by else ""
    pairs: dict[str, Any] = {
        "tenant": f"{f.environment}/{f.name}",
        "id": f.id,
        "status": word(f.status),
        "reason": f.reason,
        "since": f"{when(f.since)} ({duration(f.age_s)})",
        "until": when(f.until) or "lifted by hand",
        "put up by": f"{f.actor} (operation {f.operation_id[:8]})",
        "held by operation": held,
        "means": _means(f.means),
        "proven": when(f.proven_at) or "not yet",
    }
    parts: list[RenderableType] = [pairs_table({k: v for k, v in pairs.items() if v})]
    if f.findings:
        parts += [Text(), findings(f.findings)]
    if proof and f.proof:
        parts += [Text(), tables.proof(f.proof)]
    return Group(*parts)


def _people(t: "TenantDetailsView") -> Table:
    table = plain_table("WHO", "KIND", "ROLE", "FROM")
    for g in sorted(t.grants, key=lambda g: (g.holder_name, g.role_name)):
        if g.holder_kind == "group":
            where = "given to the tenants below it only" if g.inherited else "given on the tenant"
            table.add_row(g.holder_name or g.holder_id, "group", g.role_name, where)
    for r in sorted(t.roles, key=lambda r: (r.user_name, r.user_domain, r.role_name)):
        table.add_row(f"{r.user_name} ({r.user_domain})", "user", r.role_name, _origin(r))
    return table


def _origin(role: "EffectiveRoleView") -> str:
    words = ", ".join(str(source) for source in role.sources)
    return f"{words}: {role.via}" if role.via else words


def _credentials(t: "TenantDetailsView", names: Mapping[str, str]) -> Table:
    table = plain_table("CREDENTIAL", "OF", "ROLES", "EXPIRES", "")
    for c in t.application_credentials:
        free = "unrestricted" if c.unrestricted else ""
        table.add_row(
            c.name, names.get(c.user_id, c.user_id), _list(c.roles), when(c.expires_at) or "never", free
        )
    return table


def _trusts(t: "TenantDetailsView", names: Mapping[str, str]) -> Table:
    table = plain_table("TRUST", "FROM", "TO", "ROLES", "EXPIRES")
    for one in t.trusts:
        table.add_row(
            one.id,
            names.get(one.trustor_id, one.trustor_id),
            names.get(one.trustee_id, one.trustee_id),
            _list(one.roles),
            when(one.expires_at) or "never",
        )
    return table


def _servers(t: "TenantDetailsView") -> Table:
    table = plain_table("SERVER", "STATUS", "IN PROGRESS", "LOCKED", "ID")
    for s in t.servers:
        locked = f"yes: {s.locked_reason}" if s.locked and s.locked_reason else "yes" if s.locked else ""
        table.add_row(s.name, s.status, s.task, locked, s.id)
    return table


def _means(means: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(f"{service}: {_list(names) or 'none'}" for service, names in means.items())


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _titled(title: str, part: RenderableType) -> list[RenderableType]:
    return [Text(), Text(title, style="bold"), part]
