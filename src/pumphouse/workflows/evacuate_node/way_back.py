"""Brings one server back to the node that it was evacuated from, for undo; used by the item steps of the evacuation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pumphouse.domain.errors import DeadlineError, NotFoundError, PermanentError
from pumphouse.domain.operation import Item
from pumphouse.domain.server import Server
from pumphouse.engine.step import StepContext
from pumphouse.ports.cloud import Cloud
from pumphouse.workflows.evacuate_node.arrival import restore_state
from pumphouse.workflows.evacuate_node.mover import CONFIRM_S, Journey
from pumphouse.workflows.evacuate_node.outlook import find_server

OPEN_S = 120.0


def move_back(ctx: StepContext, cloud: Cloud, item: Item) -> None:
    """Undo one move: the server is again on the evacuated node, in the state that it has now, or had when its move stopped half way.

    A server that was deleted, or that nobody has begun to move, is left alone.

    Raises:
        PermanentError: it cannot go back; it stays whole where it is.
    """
    home = str(ctx.params["node"])
    if "before" not in item.result:
        return
    journey = _journey(ctx, cloud, item, home)
    server = journey.settled()
    if server is not None and server.status == "VERIFY_RESIZE":
        server = _revert_ours(ctx, cloud, server, home)
    if server is None:
        return
    if server.host == home and server.status != "VERIFY_RESIZE":
        with _deleted_is_fine(cloud, item.key):
            restore_state(ctx, cloud, server, journey.log)
        return
    _open(ctx, cloud, home)
    if "origin" not in journey.log:
        journey.log["origin"] = server.host
        journey.save({})
    journey.origin = str(journey.log["origin"])
    journey.provider = _provider_of(cloud, journey.origin)
    journey.run()
    found = find_server(cloud, item.key)
    if found is not None and found.host != home:
        raise PermanentError(
            f"server {item.name} is on {found.host}: somebody else has moved it meanwhile",
            hint=f"move it to {home} by hand, or leave it where it is",
        )


@contextmanager
def _deleted_is_fine(cloud: Cloud, server_id: str) -> Iterator[None]:
    try:
        yield
    except (NotFoundError, DeadlineError):
        if find_server(cloud, server_id) is not None:
            raise


def _journey(ctx: StepContext, cloud: Cloud, item: Item, home: str) -> Journey:
    key = f"back:{item.key}"
    log: dict[str, Any] = dict(ctx.recall(key, {}))
    if not log and "host" not in item.result:
        log = {
            k: item.result[k] for k in ("before", "woken", "bound_ports", "active_ports") if k in item.result
        }
    return Journey(
        ctx=ctx,
        cloud=cloud,
        server_id=item.key,
        name=item.name,
        origin=str(log.get("origin", "")),
        stopped="move",
        suspended=str(ctx.params["suspended"]),
        parallel=int(ctx.params["parallel"]),
        patience=float(ctx.params["patience"]),
        home=home,
        save=lambda _values: ctx.remember(**{key: log}),
        log=log,
    )


def _revert_ours(ctx: StepContext, cloud: Cloud, server: Server, home: str) -> Server | None:
    """A cold move away from home that was never confirmed is reverted; any other waiting resize is left as it is."""
    newest = next(iter(cloud.migrations(server_id=server.id)), None)
    if newest is None or newest.kind != "migration" or newest.source != home:
        return server
    if newest.status == "finished":
        cloud.revert_migration(server.id)

    def probe() -> bool | None:
        found = find_server(cloud, server.id)
        return True if found is None or (found.status != "VERIFY_RESIZE" and not found.task_state) else None

    ctx.poll(probe, what=f"{server.name} to be reverted to {home}", deadline_s=CONFIRM_S)
    return find_server(cloud, server.id)


def _open(ctx: StepContext, cloud: Cloud, home: str) -> None:
    """The scheduler refuses a disabled node, also for a way back; the undo of the maintenance puts the rest right afterwards."""

    def probe() -> bool | None:
        if cloud.node(home).enabled:
            return True
        cloud.enable_node(home)
        return None

    ctx.poll(probe, what=f"{home} to be enabled for the way back", deadline_s=OPEN_S, interval_s=0.5)


def _provider_of(cloud: Cloud, node: str) -> str:
    try:
        return cloud.node(node).provider_id
    except NotFoundError:
        return ""
