"""What an operator should know before a node is emptied; used by the plan of EvacuateNode. docs/evacuation.md lists every code."""

from collections.abc import Sequence

from pumphouse.domain.capacity import Misfit, amounts, demand_of
from pumphouse.domain.finding import Finding, critical, info, warning
from pumphouse.domain.node import TENANT_FILTER, Maintenance
from pumphouse.domain.server import Migration, Server
from pumphouse.workflows.evacuate_node.outlook import Outlook
from pumphouse.workflows.evacuate_node.verdict import COLD

ZONE = "availability_zone"
_SUGGESTIONS = {
    "no-room": "free room elsewhere, add a node, or have servers powered off and evacuate with --stopped leave",
    "affinity": "Nova's scheduler keeps a hard server group together, even while it is moved: have its owner rebuild the group as soft",
    "no-target": "enable a node that fulfils this, or change what the server asks for",
}


def findings_of(
    outlook: Outlook,
    record: Maintenance | None,
    migrations: Sequence[Migration],
    consumers: Sequence[str],
    *,
    parallel: int,
) -> list[Finding]:
    """Of the node, of each server, and of all of them together."""
    found = [*_of_node(outlook, record), *_of_stale_records(outlook)]
    for prospect in outlook.prospects:
        found += prospect.verdict.findings
        if prospect.misfit is not None:
            found.append(_misfit(outlook, prospect.server, prospect.misfit))
    mine = {p.server.id for p in outlook.prospects}
    running = [m for m in migrations if m.running and m.status != "finished" and m.server_id not in mine]
    if running:
        found.append(
            warning(
                "migrations-running",
                f"node {outlook.node.name}",
                f"{len(running)} migrations to or from it are under way: {', '.join(m.server_id for m in running[:5])}",
                "servers that arrive meanwhile are moved too",
            )
        )
    found += _of_aggregates(outlook)
    return found + _of_strangers(outlook, migrations, consumers) + _of_all(outlook, parallel)


def _of_strangers(
    outlook: Outlook, migrations: Sequence[Migration], consumers: Sequence[str]
) -> list[Finding]:
    """What Placement holds on the node for somebody who is not there: it would not be empty in the end."""
    subject = f"node {outlook.node.name}"
    by_uuid = {m.uuid or m.id: m for m in migrations}
    mine = {p.server.id for p in outlook.prospects}
    found = []
    for consumer in sorted(set(consumers) - mine):
        migration = by_uuid.get(consumer)
        if migration is None:
            message = f"Placement holds an allocation of {consumer} on it, but no server of that id is there"
            remedy = f"when that server is elsewhere or gone: openstack resource provider allocation delete {consumer}"
            found.append(critical("stray-allocation", subject, message, remedy))
        elif migration.status == "finished":
            message = f"its {migration.kind} away from this node waits for confirmation, and the old disk is still here"
            remedy = (
                f"have its owner run `openstack server resize confirm {migration.server_id}` (or `revert`)"
            )
            found.append(critical("server-resized", f"server {migration.server_id}", message, remedy))
    return found


def _of_node(outlook: Outlook, record: Maintenance | None) -> list[Finding]:
    node, subject = outlook.node, f"node {outlook.node.name}"
    found = []
    if not node.up:
        found.append(
            critical(
                "host-down",
                subject,
                "Nova does not hear of its compute service, so that nothing can be moved off it alive",
                "start nova-compute there, or wait a minute if RabbitMQ was restarted: heartbeats are late then; if the host is lost,"
                " rebuilding its servers elsewhere is another thing"
                " (`openstack server evacuate`) and loses what is in their memory",
            )
        )
    if not outlook.open_others:
        found.append(
            critical(
                "last-enabled-node",
                subject,
                "no other node of the environment is enabled and up",
                "enable or add another node first",
            )
        )
    if record is not None and not node.enabled:
        found.append(
            info("already-in-maintenance", subject, f"we hold it in maintenance already: {record.reason}")
        )
    elif not node.enabled:
        found.append(
            info(
                "disabled-by-other",
                subject,
                f"somebody else has disabled it ({node.disabled_reason or 'no reason given'}); that is kept for afterwards",
            )
        )
    return found


def _of_stale_records(outlook: Outlook) -> list[Finding]:
    """A node that left the cloud and came back has a deleted service record besides its own. Nova joins both to a server and looks at the first one
    (nova/db/main/models.py, Service.instance; compute/api.py, check_instance_host): to it the node is down for ever, and it refuses cold migrations, resizes
    and detaching volumes with 409 (measured: 2023.1; the code of 2026.2 is the same). Live migrations go on.
    """
    held = [
        p.server for p in outlook.prospects if p.verdict.method == COLD and p.server.host_status == "UNKNOWN"
    ]
    if not held or not outlook.node.up:
        return []
    names = ", ".join(sorted(server.name for server in held)[:5])
    message = (
        f"Nova refuses cold migrations from it, which {len(held)} powered-off servers need ({names}): it takes the deleted record"
        " of its compute service, which was removed from this cloud once, for the present one"
    )
    remedy = "have Nova forget deleted records (`nova-manage db archive_deleted_rows`), then plan again; or --stopped leave"
    return [critical("stale-record", f"node {outlook.node.name}", message, remedy)]


def _misfit(outlook: Outlook, server: Server, misfit: Misfit) -> Finding:
    code = {"constraint": "no-target"}.get(misfit.code, misfit.code)
    if not outlook.open_others:
        code = "no-target"
    return critical(
        code, f"server {server.name} ({server.id})", f"no node takes it: {misfit.reason}", _SUGGESTIONS[code]
    )


def _of_aggregates(outlook: Outlook) -> list[Finding]:
    """An aggregate whose metadata the scheduler may heed, and that holds only one side of a move: the simulation cannot tell."""
    nodes = {n.name: n for n in (outlook.node, *outlook.others)}
    ways = {p.target for p in outlook.prospects if p.moves and p.target}
    crossed: dict[str, tuple[str, set[str]]] = {}
    for target in sorted(ways):
        sides = outlook.node.aggregate_metadata, nodes[target].aggregate_metadata
        for name in sorted(sides[0].keys() ^ sides[1].keys()):
            metadata = {**sides[0], **sides[1]}[name]
            # arriving at a tenant's own node is counted by the simulation, leaving it is not
            known = {k for k in metadata if k == ZONE or (k.startswith(TENANT_FILTER) and name in sides[1])}
            if unknown := sorted(metadata.keys() - known):
                crossed.setdefault(name, (", ".join(unknown), set()))[1].add(target)
    return [
        warning(
            "aggregate-unknown",
            f"aggregate {name}",
            f"{outlook.node.name} is {'in' if name in outlook.node.aggregate_metadata else 'not in'} it while"
            f" {', '.join(sorted(targets))} {'are' if len(targets) > 1 else 'is'}"
            f"{' not' if name in outlook.node.aggregate_metadata else ''}, and its metadata ({keys}) may tell the scheduler"
            " to refuse such a move; the simulation does not know",
            f"see `openstack aggregate show {name}`; what the scheduler refuses is tried on another node, then reported",
        )
        for name, (keys, targets) in sorted(crossed.items())
    ]


def _of_all(outlook: Outlook, parallel: int) -> list[Finding]:
    subject = f"node {outlook.node.name}"
    moving = [p for p in outlook.prospects if p.moves]
    if not moving:
        return [info("nothing-to-move", subject, "no server on it needs to be moved")]
    found = []
    short = [p for p in moving if p.misfit is not None and p.misfit.code == "no-room"]
    if short:
        total: dict[str, int] = {}
        for prospect in short:
            for name, amount in demand_of(prospect.server).resources.items():
                total[name] = total.get(name, 0) + amount
        found.append(
            critical(
                "no-room",
                subject,
                f"{len(short)} of {len(moving)} servers find no room; together they need {amounts(total)}",
                _SUGGESTIONS["no-room"],
            )
        )
    live = [p for p in moving if p.verdict.method == "live"]
    disks = {p.server.id: demand_of(p.server).resources.get("DISK_GB", 0) for p in live}
    if any(disks.values()):
        found.append(
            info(
                "local-disk",
                subject,
                f"{sum(1 for gib in disks.values() if gib)} running servers have {sum(disks.values())} GiB of local disk,"
                " copied over the network with them unless the nodes share storage",
            )
        )
    if parallel > 1 and len(live) > 1:
        found.append(
            info(
                "queued-at-source",
                subject,
                f"{parallel} moves are asked for at once; nova-compute runs as many live ones as its"
                " max_concurrent_live_migrations says (default 1), and the others wait in its queue",
            )
        )
    return found
