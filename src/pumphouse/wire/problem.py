"""What goes wrong, on the wire: RFC 9457 problem details with our stable code, hint and findings."""

from typing import Any

from pumphouse.wire.finding import FindingView
from pumphouse.wire.model import View

MEDIA_TYPE = "application/problem+json"


class ProblemView(View):
    """A problem. `code` is stable and for programs, `detail` and `hint` are for people; `field` and `value` name a wrong input."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str = ""
    field: str | None = None
    value: Any = None
    findings: tuple[FindingView, ...] = ()
    request_id: str | None = None
