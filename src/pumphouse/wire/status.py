"""The application's own state on the wire."""

from pumphouse.wire.model import View


class StatusView(View):
    """Who answers, and which operations nobody works on although somebody should."""

    id: str = "pumphouse"
    name: str = "pumphouse"
    status: str = "ok"
    version: str
    actor: str
    role: str
    interrupted: tuple[str, ...] = ()
