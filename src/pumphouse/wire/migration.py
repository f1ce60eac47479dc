"""Migrations of tenants on the wire: what is asked for, which are on record, and the report of one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from pumphouse.domain.report import Report
from pumphouse.domain.resource import MoveState, ResourceKind
from pumphouse.wire.finding import FindingView
from pumphouse.wire.model import Request, View

Word = Annotated[str, StringConstraints(min_length=1, max_length=640)]
Named = ResourceKind | Literal["network_type", "network_mtu", "address"]
"""domain/migration.py, NAMED_BESIDE"""
Name = Annotated[str, StringConstraints(max_length=255)]


class MigrateRequest(Request):
    """Move a tenant to the environment `destination`. `include` and `exclude` name kinds, `KIND/ID` or servers; `names` says what stands for what: kind -> {name in the source: name in
    the destination}. `onboarding` is a whole path where the
    server writes one-time passwords of users whose own cannot go over; it never overwrites another file. With the `digest` of a plan it is refused when the source has changed since. What is left out takes the workflow's default.
    """

    destination: str = Field(min_length=1, max_length=255)
    include: tuple[Word, ...] | None = Field(default=None, max_length=10_000)
    exclude: tuple[Word, ...] | None = Field(default=None, max_length=10_000)
    parallel: int | None = Field(default=None, ge=1, le=64)
    keep_addresses: bool | None = None
    stateless: bool | None = None
    names: Mapping[Named, Mapping[Name, Name]] | None = None
    fence: bool | None = None
    onboarding: str | None = Field(default=None, pattern=r"^/", max_length=4096)
    digest: str | None = Field(default=None, max_length=200)
    on_failure: Literal["pause", "skip", "undo"] | None = None


class MigrationRequest(Request):
    """Verify, roll back or commit a migration. Without a `destination` the only one of that tenant."""

    destination: str | None = Field(default=None, min_length=1, max_length=255)


class MigrationView(View):
    """One tenant on its way; `id` is the tenant's, `states` how many of its things are how far."""

    id: str
    name: str
    status: str
    environment: str
    destination: str
    states: Mapping[MoveState, int] = {}


class MovedView(View):
    """One thing that is in the destination. `how`: made, there before, or begun. Times in seconds."""

    kind: ResourceKind
    id: str
    name: str
    state: MoveState
    how: str
    destination_id: str = ""
    equal: tuple[str, ...] = ()
    changed: Mapping[str, str] = {}
    digest: str = ""
    engine: str = ""
    size_bytes: int = 0
    moved_bytes: int = 0
    seconds: float | None = None
    was: Mapping[str, Any] = {}
    todo: str = ""


class NotMovedView(View):
    """One thing that is not in the destination; `failed`: it should be; `wished`: the operator has left it out."""

    kind: str
    id: str
    name: str
    why: str
    failed: bool = False
    wished: bool = False


class ForOwnerView(View):
    """Something that nobody but its owner can make again, and what they must do."""

    kind: str
    id: str
    name: str
    what: str


class AddressView(View):
    """The addresses of one thing before and after."""

    kind: ResourceKind
    name: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    same: bool


class ServerTimesView(View):
    """When a server was down; `downtime_s` is null for one that did not run."""

    name: str
    stopped_at: str = ""
    started_at: str = ""
    downtime_s: float | None = None


class ReportView(View):
    """What came of a migration; `id` and `name` are the tenant's. `status`: unfinished, errors, partial (something cannot move), moved, verified or
    committed.
    """

    id: str
    name: str
    status: str
    environment: str
    destination: str
    made_at: datetime
    operation_id: str = ""
    operation_status: str = ""
    error: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    counts: Mapping[str, int] = {}
    size_bytes: int = 0
    moved_bytes: int = 0
    longest_downtime_s: float | None = None
    not_moved: tuple[NotMovedView, ...] = ()
    for_owners: tuple[ForOwnerView, ...] = ()
    gaps: tuple[str, ...] = ()
    findings: tuple[FindingView, ...] = ()
    servers: tuple[ServerTimesView, ...] = ()
    addresses: tuple[AddressView, ...] = ()
    moved: tuple[MovedView, ...] = ()

    @classmethod
    def of(cls, report: Report) -> Self:
        """The view of `report`."""
        names = set(cls.model_fields) - {"id", "name", "environment"}
        values = {name: getattr(report, name) for name in names}
        about = {"id": report.tenant_id, "name": report.tenant_name, "environment": report.source}
        return cls.model_validate({**about, **values}, from_attributes=True)
