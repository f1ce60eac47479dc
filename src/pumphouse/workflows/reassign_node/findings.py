"""What an operator should know before a node leaves its environment; used by the plans of ReassignNode and DeleteNode."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.finding import Finding, critical, info, warning
from pumphouse.domain.node import Node
from pumphouse.domain.server import Migration
from pumphouse.engine.workflow import PlanContext
from pumphouse.ports.cloud import Cloud
from pumphouse.ports.deployer import Capabilities, NodeDeployState, Role

CONTRACT_VERSION = 1
STUCK_AFTER = timedelta(minutes=30)
"""A migration whose record has not changed for so long is not expected to end by itself."""


def of_leaving(
    node: Node, others: Sequence[Node], migrations: Iterable[Migration], now: datetime
) -> list[Finding]:
    """Of the node itself: it must not be the last, and nothing may be stuck on it."""
    subject = f"node {node.name}"
    found = []
    if not [n for n in others if n.enabled and n.up]:
        found.append(
            critical(
                "last-enabled-node",
                subject,
                f"no other node of {node.environment} is enabled and up: it would have no compute node any more",
                "enable or add another node first",
            )
        )
    stuck = (m for m in migrations if m.running and m.status != "finished" and _age(m, now) > STUCK_AFTER)
    found.extend(_stuck(m) for m in stuck)
    return found


def of_evacuation(found: Iterable[Finding], leaving: Iterable[Finding]) -> list[Finding]:
    """What the evacuation's plan says and ours does not say already, without advice that only a mere evacuation can follow."""
    known = {f.code for f in leaving}
    return [
        replace(f, suggestion="free room elsewhere or add a node") if f.code == "no-room" else f
        for f in found
        if f.code not in known
    ]


def of_emptiness(cloud: Cloud, node: Node) -> list[Finding]:
    """Without an evacuation the node must be empty now, by Nova's word and by Placement's."""
    subject = f"node {node.name}"
    remedy = f"add --evacuate, or run: pumphouse node evacuate {node.environment}/{node.name}"
    servers = list(cloud.servers(node=node.name))
    if servers:
        names = ", ".join(f"{s.name} ({s.status})" for s in servers[:10])
        return [critical("node-not-empty", subject, f"{len(servers)} servers are on it: {names}", remedy)]
    consumers = cloud.provider_consumers(node.provider_id) if node.provider_id else ()
    if consumers:
        message = f"no server is on it, but Placement holds allocations of {', '.join(list(consumers)[:10])}"
        return [
            critical(
                "node-not-empty", subject, message, "confirm or revert waiting migrations, then plan again"
            )
        ]
    return []


def of_deployer(
    ctx: PlanContext, environment: str, node: str, *, installs: bool
) -> tuple[list[Finding], Capabilities | None]:
    """Of the deployer of one end: it must exist, be able to do its part, and have nothing against it now."""
    subject = f"deployer of {environment}"
    try:
        deployer = ctx.tools.deployer(environment)
    except (ConflictError, NotFoundError) as error:
        return [critical("no-deployer", subject, error.message, error.hint)], None
    able = deployer.capabilities()
    found = []
    if able.contract_version != CONTRACT_VERSION:
        text = (
            f"{able.name} speaks version {able.contract_version} of the contract; we speak {CONTRACT_VERSION}"
        )
        found.append(critical("deployer-version", subject, text, "use a release of the driver that fits"))
    if Role.COMPUTE not in able.roles or not (able.can_install if installs else able.can_take_down):
        what = "install" if installs else "take down"
        text = f"{able.name} cannot {what} compute nodes"
        found.append(critical("deployer-unable", subject, text, "see docs/contracts/deployer.md"))
    found.extend(
        critical("deployer-refuses", subject, reason) for reason in deployer.validate(node, Role.COMPUTE)
    )
    if deployer.state(node) in {NodeDeployState.INSTALLING, NodeDeployState.REMOVING}:
        found.append(
            critical("deployer-busy", subject, f"it is at work on {node} right now", "wait for its end")
        )
    return found, able


def of_destination(cloud: Cloud, node: str) -> list[Finding]:
    """The new environment must not know a node of that name."""
    if node not in {n.name for n in cloud.nodes(summary=True)}:
        return []
    return [
        critical(
            "name-taken",
            f"node {node}",
            f"{cloud.environment} has a compute service of that name already",
            f"delete it there first: pumphouse node delete {cloud.environment}/{node}",
        )
    ]


def of_way_back(able: Capabilities | None, step_title: str) -> list[Finding]:
    """Where the point of no return is, or that there is none."""
    if able is None:
        return []
    if able.reinstalls_removed:
        return [
            info(
                "way-back",
                f"deployer {able.name}",
                "it can install the node in its old environment again: the whole operation can be undone,"
                " as long as no server lives on the node in its new environment",
            )
        ]
    return [
        warning(
            "point-of-no-return",
            f"deployer {able.name}",
            f"it cannot install the node in its old environment again: from the step '{step_title}' on nothing can be undone",
            "be sure of the destination before you start",
        )
    ]


def _stuck(migration: Migration) -> Finding:
    return critical(
        "stuck-migration",
        f"server {migration.server_id}",
        f"its {migration.kind} from {migration.source} to {migration.target or 'nowhere yet'} is in"
        f" {migration.status} since {migration.updated_at}: Nova will not let go of the node",
        f"abort it (`openstack server migration abort {migration.server_id} {migration.id}`) or end it by hand",
    )


def _age(migration: Migration, now: datetime) -> timedelta:
    try:
        at = datetime.fromisoformat(migration.updated_at)
    except ValueError:
        return timedelta(0)
    return now - (at if at.tzinfo else at.replace(tzinfo=UTC))
