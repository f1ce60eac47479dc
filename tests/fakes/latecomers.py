"""Servers that appear on a node while it is being emptied, so that the later rounds of an evacuation have something to do."""

from typing import Any

from tests.fakes.cloud import FakeCloud

LATECOMERS = ("late", "last")


def let_servers_come_late(cloud: FakeCloud, node: str, *, after: str) -> None:
    """`late` comes to the node when the server named `after` begins to move, `last` when `late` does; each once."""
    causes = {after: "late", "late": "last"}
    start_move = cloud.start_move

    def start(server: Any, *args: Any) -> None:
        start_move(server, *args)
        newcomer = causes.pop(server.name, None)
        if newcomer is not None:
            cloud.add_server(newcomer, node)

    setattr(cloud, "start_move", start)  # noqa: B010 - mypy refuses the plain assignment to a method
