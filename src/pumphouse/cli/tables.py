"""The tables that people see. Used by the commands; knows nothing but wire models."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pumphouse.cli import duplicate_tables, migration_tables

if TYPE_CHECKING:
    from pumphouse.cli.way_back import WayBack
    from pumphouse.wire.environment import AccessCheckView, EnvironmentView
    from pumphouse.wire.event import EventView
    from pumphouse.wire.finding import FindingView, PlanView
    from pumphouse.wire.health import HealthRunView
    from pumphouse.wire.node import NodePage, NodeView
    from pumphouse.wire.operation import ItemView, OperationView, StepView
    from pumphouse.wire.tenant import ProbeView

COLOURS = {
    "ok": "green", "up": "green", "done": "green", "passed": "green", "ready": "green", "undone": "green",
    "active": "green", "as wanted": "green",
    "running": "cyan", "accepted": "cyan", "undoing": "cyan", "entering": "cyan", "leaving": "cyan",
    "maintenance": "yellow", "disabled": "yellow", "paused": "yellow", "pausing": "yellow", "cancelling": "yellow",
    "cancelled": "yellow", "skipped": "yellow", "done_with_errors": "yellow", "degraded": "yellow", "warning": "yellow", "interrupted": "yellow",
    "not tried": "yellow",
    "down": "red", "failed": "red", "undo_failed": "red", "unreachable": "red", "refused": "red", "blocked": "red", "critical": "red", "broken": "red",
}  # fmt: skip
"""Colour is never the only sign: the word is always there."""


def word(status: str) -> Text:
    """A status in its colour."""
    return Text(status.replace("_", " "), style=COLOURS.get(status, ""))


def environments(found: Sequence["EnvironmentView"]) -> Table:
    table = plain_table("NAME", "STATUS", "RELEASE", "CLOUD", "CREDENTIALS", "DEPLOYER", "ADDED")
    for e in found:
        kept = "stored" if e.stored else e.config_file or ""
        table.add_row(e.name, word(e.status), e.release, e.cloud, kept, e.deployer or "-", when(e.added_at))
    return table


def environment(found: "EnvironmentView") -> RenderableType:
    pairs: dict[str, Any] = {
        "name": found.name,
        "id": found.id,
        "status": word(found.status),
        "release": found.release,
        "cloud": found.cloud,
        "credentials": "stored, encrypted" if found.stored else found.config_file,
        "deployer": found.deployer or "-",
        **{f"option {k}": v for k, v in found.deployer_options.items()},
        "added": when(found.added_at),
        "discovered": when(found.facts_at),
    }
    facts = {name: _short(value) for name, value in found.facts.items() if name != "release"}
    return (
        Group(pairs_table(pairs), Text(), Text("Discovered", style="bold"), pairs_table(facts))
        if facts
        else pairs_table(pairs)
    )


def checks(found: Sequence["AccessCheckView"]) -> Table:
    table = plain_table("SERVICE", "STATUS", "SECONDS", "ENDPOINT", "DETAIL")
    for c in found:
        table.add_row(
            c.name,
            word(c.status),
            f"{c.seconds:.2f}",
            c.endpoint,
            " - ".join(filter(None, (c.detail, c.hint))),
        )
    return table


def nodes(page: "NodePage") -> Table:
    table = plain_table("NODE", "STATUS", "SERVERS", "VCPU", "RAM GiB", "DISK GiB", "ZONE", "REASON")
    for n in page.items:
        reason = n.maintenance.reason if n.maintenance else n.disabled_reason
        table.add_row(
            f"{n.environment}/{n.name}",
            word(n.status),
            str(sum(n.servers.values())),
            _used(n, "VCPU"),
            _used(n, "MEMORY_MB", 1024),
            _used(n, "DISK_GB"),
            n.zone,
            reason,
        )
    for u in page.unreachable:
        table.add_row(f"{u.environment}/?", word("unreachable"), "", "", "", "", "", f"{u.detail} [{u.code}]")
    return table


def node(n: "NodeView") -> RenderableType:
    pairs: dict[str, Any] = {
        "name": f"{n.environment}/{n.name}",
        "id": n.id,
        "status": word(n.status),
        "service": f"{'enabled' if n.enabled else 'disabled'}, {'up' if n.up else 'down'}",
        "reason": n.maintenance.reason if n.maintenance else n.disabled_reason,
        "in maintenance since": when(n.maintenance.since) if n.maintenance else "",
        "hypervisor": f"{n.hypervisor} ({n.hypervisor_type})",
        "zone": n.zone,
        "aggregates": ", ".join(n.aggregates),
        "servers": ", ".join(f"{count} {status}" for status, count in sorted(n.servers.items()) if count)
        or "none",
    }
    capacity = plain_table("RESOURCE", "TOTAL", "RESERVED", "RATIO", "CAPACITY", "USED", "FREE")
    for name, i in n.inventory.items():
        capacity.add_row(
            name, str(i.total), str(i.reserved), f"{i.ratio:g}", str(i.capacity), str(i.used), str(i.free)
        )
    agents = plain_table("AGENT", "KIND", "STATE", "ENABLED")
    for a in n.agents:
        agents.add_row(a.binary, a.kind, word("up" if a.up else "down"), "yes" if a.enabled else "no")
    return Group(pairs_table({k: v for k, v in pairs.items() if v}), Text(), capacity, Text(), agents)


def operations(found: Sequence["OperationView"]) -> Table:
    table = plain_table("ID", "OPERATION", "STATUS", "ENVIRONMENT", "STARTED BY", "CREATED", "TOOK")
    for o in found:
        status = "interrupted" if o.interrupted else str(o.status)
        table.add_row(
            o.id[:8],
            o.name,
            word(status),
            o.environment or "",
            o.actor,
            when(o.created_at),
            took(o.started_at, o.ended_at),
        )
    return table


def operation(found: "OperationView", items: Sequence["ItemView"] = ()) -> RenderableType:
    pairs: dict[str, Any] = {
        "operation": found.name,
        "id": found.id,
        "status": word("interrupted" if found.interrupted else str(found.status)),
        "environment": found.environment,
        "about": found.subject,
        "started by": found.actor,
        "created": when(found.created_at),
        "took": took(found.started_at, found.ended_at),
        **({} if found.status in {"done", "undone"} else {"error": found.error, "hint": found.hint}),
    }
    parts: list[RenderableType] = [pairs_table({k: v for k, v in pairs.items() if v})]
    if found.steps:
        parts += [Text(), steps(found.steps)]
    if items:
        parts += [Text(), item_rows(items)]
    if found.proof:
        parts += [Text(), proof(found.proof)]
    if found.comparison:
        parts += [Text(), duplicate_tables.compared(found.comparison)]
    return Group(*parts)


def steps(found: Iterable["StepView"]) -> Table:
    table = plain_table("STEP", "STATUS", "ITEMS", "TOOK", "")
    for s in found:
        table.add_row(
            s.title, word(s.status), counts(s.counts), took(s.started_at, s.ended_at), s.error or s.reason
        )
    return table


def item_rows(found: Iterable["ItemView"]) -> Table:
    table = plain_table("ITEM", "KIND", "STATUS", "ATTEMPTS", "TOOK", "ERROR")
    for i in found:
        table.add_row(
            i.name, i.kind, word(i.status), str(i.attempts), took(i.started_at, i.ended_at), i.error
        )
    return table


def proof(probes: Sequence["ProbeView"]) -> RenderableType:
    """What was tried as a member of a tenant, and how it ended."""
    table = plain_table("SERVICE", "ACTION", "WANTED", "GOT", "VERDICT", "WITH", "DETAIL")
    tally: dict[str, int] = {}
    for p in probes:
        tally[str(p.verdict)] = tally.get(str(p.verdict), 0) + 1
        got = str(p.status) if p.status else "-" if p.verdict == "not tried" else "no answer"
        table.add_row(p.service, p.action, p.wanted, got, word(p.verdict), p.login, p.detail)
    counted = ", ".join(f"{count} {verdict}" for verdict, count in tally.items())
    return Group(Text("Proof", style="bold"), table, Text(f"{len(probes)} attempts: {counted}."))


def plan(p: "PlanView") -> RenderableType:
    parts: list[RenderableType] = [Text(p.title, style="bold"), Text(p.summary)]
    if p.findings:
        parts += [Text(), findings(p.findings)]
    if p.migration is not None:
        parts += [Text(), migration_tables.planned(p.items, p.migration)]
    elif p.items:
        table = plain_table("ITEM", "KIND", "METHOD", "TARGET", "ESTIMATE", "REASON")
        for i in p.items:
            table.add_row(i.name, i.kind, i.method, i.target, duration(i.estimate_s), i.reason)
        parts += [Text(), table]
    if p.settings:
        parts += [Text(), duplicate_tables.planned(p.settings, p.unknown)]
    if p.steps:
        lines = [
            Text(f"{n}. {s.title}{'  <- point of no return' if s.irreversible else ''}")
            for n, s in enumerate(p.steps, 1)
        ]
        parts += [Text(), *lines]
    parts += [Text(), Text(f"About {duration(p.estimate_s)} in all." if p.estimate_s else "No estimate.")]
    return Group(*parts)


def way_back(found: "OperationView", way: "WayBack", servers: int) -> RenderableType:
    """What an undo would put back, for its question."""
    lines = [Text(f"Undo of {found.name}", style="bold")]
    if way.steps:
        lines.append(Text("These steps go back, in this order:"))
    lines += [
        Text(f"{n}. {step.title}{f' ({counts(step.counts)})' if step.counts else ''}")
        for n, step in enumerate(way.steps, 1)
    ]
    if servers:
        lines.append(Text(f"{servers} {'server' if servers == 1 else 'servers'} would be brought back."))
    if way.barrier is not None:
        stands = (
            f"Point of no return: '{way.barrier.title}' is done and cannot be undone; the undo stops there."
        )
        lines.append(Text(stands, style="yellow"))
    elif not way.steps:
        lines.append(Text("Nothing of it has to go back."))
    return Group(*lines)


def findings(found: Iterable["FindingView"]) -> Group:
    """As lines: their sentences are too long for cells."""
    lines = []
    for f in found:
        line = Text.assemble(
            (str(f.severity), COLOURS.get(f.severity, "")), f"  {f.subject}: {f.message} [{f.code}]"
        )
        lines.append(line)
        if f.suggestion:
            lines.append(Text(f"          {f.suggestion}", style="dim"))
    return Group(*lines)


def notifications(found: Sequence["EventView"]) -> Table:
    table = plain_table("ID", "WHEN", "SEVERITY", "TYPE", "ENVIRONMENT", "MESSAGE")
    for e in found:
        table.add_row(str(e.id), when(e.at), word(e.status), e.type, e.environment or "", e.message)
    return table


def health_runs(found: Sequence["HealthRunView"]) -> Table:
    table = plain_table("ID", "SET", "STATUS", "ENVIRONMENT", "STARTED", "CHECKS")
    for r in found:
        extra = r.model_extra or {}
        table.add_row(
            r.id[:8], r.name, word(r.status), r.environment, _moment(extra.get("started_at")), _tally(extra)
        )
    return table


def health_run(r: "HealthRunView") -> RenderableType:
    """One run with its checks, in whatever keys the workflow recorded for each."""
    extra = dict(r.model_extra or {})
    table = plain_table("CHECK", "STATUS", "SECONDS", "DETAIL")
    for c in extra.get("checks", ()):
        detail = str(c.get("detail") or c.get("message") or c.get("error") or "")
        table.add_row(
            str(c.get("name") or c.get("title") or c.get("id")),
            word(str(c.get("status", ""))),
            f"{float(c.get('seconds') or 0):.1f}",
            detail,
        )
    head = pairs_table(
        {"environment": r.environment, "set": r.name, "status": word(r.status), "checks": _tally(extra)}
    )
    return Group(head, Text(), table) if table.row_count else head


def counts(by_status: Mapping[Any, int]) -> str:
    """`5 of 12 done, 1 failed`; nothing when there are no items."""
    total = sum(by_status.values())
    if not total:
        return ""
    back = by_status.get("undone", 0)
    if back or by_status.get("undoing", 0):
        finished, done = back, "undone"
    else:
        finished, done = by_status.get("done", 0) + by_status.get("skipped", 0), "done"
    broken = [
        f"{n} {s.replace('_', ' ')}" for s, n in by_status.items() if n and s in {"failed", "undo_failed"}
    ]
    return ", ".join([f"{finished} of {total} {done}", *broken])


def when(at: datetime | None) -> str:
    """Local time, to the second."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


def took(started: datetime | None, ended: datetime | None) -> str:
    return duration((ended - started).total_seconds()) if started and ended else ""


def duration(seconds: float) -> str:
    """`4 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def plain_table(*columns: str) -> Table:
    """A table without lines, whose cells fold."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def pairs_table(pairs: Mapping[str, Any]) -> Table:
    """Names and values, one a line."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        table.add_row(name, value if isinstance(value, Text) else "" if value is None else str(value))
    return table


def _used(n: "NodeView", resource: str, per: int = 1) -> str:
    found = n.inventory.get(resource)
    return f"{found.used / per:g}/{found.capacity / per:g}" if found else "-"


def _short(value: Any) -> str:
    """A discovered fact on one line: names where there are names, else how many."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{k} {_short(v)}" if not isinstance(v, Mapping | list) else str(k) for k, v in value.items()
        )
    if isinstance(value, list):
        names = [_name_of(v) if isinstance(v, Mapping) else str(v) for v in value]
        return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return "" if value is None else str(value)


def _name_of(fact: Mapping[str, Any]) -> str:
    for key in ("name", "type", "id"):
        if fact.get(key):
            return str(fact[key])
    # services of one kind, counted
    down = f", {fact['down']} down" if fact.get("down") else ""
    return f"{fact.get('binary', '?')} ({fact.get('up', 0)} up{down})"


def _moment(text: Any) -> str:
    return when(datetime.fromisoformat(text)) if isinstance(text, str) and text else ""


def _tally(extra: Mapping[str, Any]) -> str:
    tally: dict[str, int] = {}
    for check in extra.get("checks", ()):
        status = str(check.get("status", ""))
        tally[status] = tally.get(status, 0) + 1
    return ", ".join(f"{count} {status}" for status, count in sorted(tally.items()))
