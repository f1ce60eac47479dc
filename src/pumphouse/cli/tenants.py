"""`pumphouse tenant`: tenants, their maintenance (their users may look but not touch), and their migration (migration.py)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pumphouse.cli import migration, tenant_tables
from pumphouse.cli.address import parse_tenant
from pumphouse.cli.failures import Exit
from pumphouse.cli.moments import parse_moment
from pumphouse.cli.output import Format, Output, show, show_plain
from pumphouse.cli.running import DryRun, Yes, carry_out
from pumphouse.cli.session import session_of
from pumphouse.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from pumphouse.wire.tenant import TenantMaintenanceRequest, TenantPage

app = typer.Typer(no_args_is_help=True, help="Tenants: the projects of environments, and their people.")
maintenance = typer.Typer(
    no_args_is_help=True, help="Maintenance: users of the tenant may look but not touch."
)
app.add_typer(maintenance, name="maintenance")

Address = Annotated[
    str,
    typer.Argument(
        metavar="ENV/TENANT", help="The tenant by name, id or DOMAIN:NAME, for instance old/acme."
    ),
]
Env = Annotated[str | None, typer.Option(help="Only this environment's.")]


@app.command("list")
def list_all(context: typer.Context, env: Env = None, output: Output = Format.TABLE) -> None:
    """List tenants. An environment that does not answer is a row of its own, and the exit code is 4."""
    found = session_of(context).client.tenants(env)
    if output is Format.TABLE:
        show(output, found, lambda: tenant_tables.tenants(found))
    else:
        show_plain(output, _rows(found))
    if found.unreachable:
        raise typer.Exit(Exit.WITH_ERRORS)


@app.command("show")
def show_one(context: typer.Context, tenant: Address, output: Output = Format.TABLE) -> None:
    """Show a tenant: who may do what in it and why, credentials, trusts, servers, maintenance."""
    found = session_of(context).client.tenant(*parse_tenant(tenant))
    show(output, found, lambda: tenant_tables.tenant(found))


app.command("migrate")(migration.migrate)
app.command("verify")(migration.verify)
app.command("rollback")(migration.rollback)
app.command("commit")(migration.commit)
app.command("report")(migration.report)


@maintenance.command("on")
def maintenance_on(
    context: typer.Context,
    tenant: Address,
    reason: Annotated[str | None, typer.Option(help="Why; shown by status.")] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When it lifts itself: 2h, 90m, 3d, 18:30 or ISO 8601. Needs a server (pumphouse serve).",
        ),
    ] = None,
    means: Annotated[
        str | None,
        typer.Option(
            metavar="MEANS",
            help="auto, or some of policy,roles,locks,quotas; auto takes the strongest that works.",
        ),
    ] = None,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Policy overrides alone: in force at once, no waiting for token caches."),
    ] = False,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Go on although some service cannot be fenced.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Users of the tenant may look but not touch, and that is proven. What runs goes on."""
    now = session_of(context).clock.now()
    wanted = _request(
        action="on",
        reason=reason,
        until=None if until is None else parse_moment("--until", until, now),
        means=means,
        fast=fast or None,
        allow_partial=allow_partial or None,
    )
    _carry_out(context, tenant, wanted, dry_run=dry_run, yes=yes, output=output)


@maintenance.command("off")
def maintenance_off(
    context: typer.Context,
    tenant: Address,
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Give everything back as it was found. Also the way out when an `on` has failed."""
    _carry_out(context, tenant, _request(action="off"), dry_run=dry_run, yes=yes, output=output)


@maintenance.command("verify")
def maintenance_verify(
    context: typer.Context,
    tenant: Address,
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Try again, as a member of the tenant, what must be denied and what must be allowed."""
    _carry_out(context, tenant, _request(action="verify"), dry_run=dry_run, yes=yes, output=output)


@maintenance.command("status")
def maintenance_status(
    context: typer.Context,
    tenant: Annotated[
        str | None,
        typer.Argument(metavar="[ENV/TENANT]", help="One tenant, with its proof; all without it."),
    ] = None,
    env: Env = None,
    output: Output = Format.TABLE,
) -> None:
    """What is in maintenance, since when and until when, and what wants looking after."""
    client = session_of(context).client
    if tenant is None:
        found = client.fences(env)
        show(output, found, lambda: tenant_tables.fences(found))
        return
    if env is not None:
        raise InvalidInputError("--env", env, "goes without ENV/TENANT", hint="leave one of them out")
    one = client.fence(*parse_tenant(tenant))
    show(output, one, lambda: tenant_tables.fence(one))


def _carry_out(
    context: typer.Context,
    address: str,
    wanted: "TenantMaintenanceRequest",
    *,
    dry_run: bool,
    yes: bool,
    output: Format,
) -> None:
    session = session_of(context)
    environment, tenant = parse_tenant(address)
    client = session.client
    carry_out(
        session,
        plan=lambda: client.plan_tenant(environment, tenant, wanted),
        start=lambda key: client.start_tenant(environment, tenant, wanted, idempotency_key=key),
        output=output,
        yes=yes,
        dry_run=dry_run,
    )


def _request(**values: Any) -> "TenantMaintenanceRequest":
    """What was said; what was not is left to the workflow's defaults."""
    from pydantic import ValidationError

    from pumphouse.wire.tenant import TenantMaintenanceRequest

    said = {name: value for name, value in values.items() if value is not None}
    try:
        return TenantMaintenanceRequest(**said)
    except ValidationError as error:
        first = error.errors()[0]
        field = "--" + str(first["loc"][0]).replace("_", "-")
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidInputError(field, first["input"], message, hint=f"correct {field}") from error


def _rows(page: "TenantPage") -> list[dict[str, Any]]:
    tenants = [tenant.model_dump(mode="json") for tenant in page.items]
    silent = [
        {"id": "", "name": "", "status": "unreachable", **unreachable.model_dump(mode="json")}
        for unreachable in page.unreachable
    ]
    return [*tenants, *silent]
