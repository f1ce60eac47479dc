"""`pumphouse tenant migrate`, `verify`, `rollback`, `commit` and `report`; tenants.py puts them below its noun."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pumphouse.cli import migration_tables, plan_file
from pumphouse.cli.address import parse_tenant
from pumphouse.cli.migrating import Wish, migrate_one, migrate_several, save_plans
from pumphouse.cli.output import Format, Output, show
from pumphouse.cli.running import DryRun, Yes, carry_out
from pumphouse.cli.session import session_of
from pumphouse.domain.errors import InvalidInputError

Address = Annotated[
    str, typer.Argument(metavar="ENV/TENANT", help="The tenant in the environment that it leaves.")
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="ENV2", help="The environment it goes to; the only one on record if left out."
    ),
]
AT_ONCE = 4


def migrate(
    context: typer.Context,
    tenants: Annotated[
        list[str] | None,
        typer.Argument(metavar="ENV/TENANT...", help="Tenants; each is an operation of its own."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="ENV2", help="The environment they go to.")
    ] = None,
    map_file: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="What stands for what (names: kind: {here: there})."),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="LIST", help="Only these kinds or servers, and what they need; repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="LIST", help="Not these kinds or servers; repeatable.")
    ] = None,
    parallel: Annotated[int | None, typer.Option(min=1, max=64, help="Things of a tenant at once.")] = None,
    keep_addresses: Annotated[
        bool | None,
        typer.Option("--keep-addresses/--new-addresses", help="Fixed and floating addresses, MACs."),
    ] = None,
    stateless: Annotated[
        bool,
        typer.Option("--stateless", help="Boot image-booted servers anew: their root disks are left behind."),
    ] = False,
    fence: Annotated[
        bool | None,
        typer.Option("--fence/--no-fence", help="Keep the tenant's users from changing anything meanwhile."),
    ] = None,
    on_failure: Annotated[
        str | None, typer.Option("--on-failure", metavar="pause|skip|undo", help="What a failure means.")
    ] = None,
    onboarding: Annotated[
        Path | None,
        typer.Option(
            "--onboarding",
            metavar="FILE",
            help="Where one-time passwords are written for users whose own cannot go over; a directory for several.",
        ),
    ] = None,
    plan: Annotated[
        list[Path] | None,
        typer.Option("--plan", metavar="FILE", help="Apply a plan that --save wrote; repeatable."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            help="Write the plan to be reviewed and edited, and stop; a directory for several.",
        ),
    ] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=64, help="Tenants at once.")] = AT_ONCE,
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Move tenants with all they have to another environment. The source stays, fenced, until `tenant commit`."""
    said = {
        "include": _words(include),
        "exclude": _words(exclude),
        "keep_addresses": keep_addresses,
        "stateless": stateless or None,
        "names": plan_file.read_map(map_file) if map_file else None,
        "fence": fence,
    }
    free = {"parallel": parallel, "on_failure": on_failure}
    wishes = _wishes(tenants or [], to, {k: v for k, v in said.items() if v is not None}, plan or [])
    wishes = [
        replace(w, request={**w.request, **{k: v for k, v in free.items() if v is not None}}) for w in wishes
    ]
    session = session_of(context)
    if onboarding is not None:
        wishes = _with_onboarding(wishes, onboarding, here=session.connection.in_process)
    _checked(wishes)
    if save is not None:
        save_plans(session, wishes, save, output, overwrite=yes)
        return
    if len(wishes) == 1:
        migrate_one(session, wishes[0], output, yes=yes, dry_run=dry_run)
        return
    migrate_several(session, wishes, output, yes=yes, dry_run=dry_run, at_once=at_once)


def verify(
    context: typer.Context, tenant: Address, to: To = None, dry_run: DryRun = False, yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:  # fmt: skip
    """Compare again what is in the destination with the source, field by field."""
    _on_migration(context, "verify", tenant, to, output, yes=yes, dry_run=dry_run)


def rollback(
    context: typer.Context, tenant: Address, to: To = None, dry_run: DryRun = False, yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:  # fmt: skip
    """Remove from the destination what the migration has made there, and give the source back to its users."""
    _on_migration(context, "rollback", tenant, to, output, yes=yes, dry_run=dry_run)


def commit(
    context: typer.Context, tenant: Address, to: To = None, dry_run: DryRun = False, yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:  # fmt: skip
    """Delete the source of what was moved and verified. There is no way back."""
    _on_migration(context, "commit", tenant, to, output, yes=yes, dry_run=dry_run)


def report(
    context: typer.Context,
    tenant: Annotated[
        str | None,
        typer.Argument(metavar="[ENV/TENANT]", help="One tenant; all migrations on record without it."),
    ] = None,
    to: To = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write it as one page that needs nothing else."),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """What moved and how that was proven, what did not and why, addresses, downtimes."""
    client = session_of(context).client
    if tenant is None:
        for option, value in (("--to", to), ("--html", html)):
            if value is not None:
                raise InvalidInputError(option, str(value), "is for one tenant", hint="name it: ENV/TENANT")
        listed = client.migrations()
        show(output, listed, lambda: migration_tables.migrations(listed))
        return
    address = parse_tenant(tenant)
    found = client.migration(*address, to)
    if html is not None:
        _write(html, client.migration_page(*address, to))
        typer.echo(f"Written to {html}.", err=True)
        if output is Format.TABLE:
            return
    show(output, found, lambda: migration_tables.report(found))


def _wishes(
    tenants: Sequence[str], to: str | None, said: Mapping[str, Any], plans: Sequence[Path]
) -> list[Wish]:
    """Either from the command line, or from files: the two must not say two things."""
    if not plans:
        if not tenants or not to:
            raise typer.BadParameter("give ENV/TENANT and --to ENV2, or --plan FILE")
        return [Wish(*parse_tenant(t), {"destination": to, **said}) for t in dict.fromkeys(tenants)]
    for key in said:
        option = {"names": "--map", "keep_addresses": "--keep-addresses"}.get(key, f"--{key}")
        raise InvalidInputError(
            option, said[key], "the plan file decides that", hint="change it in the file, or leave --plan out", hidden=True
        )  # fmt: skip
    files = [plan_file.read(path) for path in plans]
    for file in files:
        _must_agree(file, tenants, to)
    return [Wish(f.environment, f.tenant, {"destination": f.destination, **f.request}, f) for f in files]


def _must_agree(file: plan_file.PlanFile, tenants: Sequence[str], to: str | None) -> None:
    names = {f"{file.environment}/{file.name}", f"{file.environment}/{file.tenant}"}
    if tenants and not names & set(tenants):
        raise InvalidInputError(
            "ENV/TENANT",
            tenants[0],
            f"the plan file is for {file.environment}/{file.name}",
            hint="leave it out",
        )
    if to is not None and to != file.destination:
        raise InvalidInputError("--to", to, f"the plan file goes to {file.destination}", hint="leave it out")


def _with_onboarding(wishes: Sequence[Wish], path: Path, *, here: bool) -> list[Wish]:
    """Each tenant has a file of its own. The process that runs the operation writes it: only when that is ours does it stand where we do."""
    if not here and not path.is_absolute():
        raise InvalidInputError(
            "--onboarding", str(path), "the server writes it", hint="give the whole path, on the server"
        )
    whole = path.absolute()
    if len(wishes) == 1:
        return [replace(wishes[0], request={**wishes[0].request, "onboarding": str(whole)})]
    files = [whole / plan_file.file_name(w.name, "passwords.jsonl") for w in wishes]
    return [
        replace(w, request={**w.request, "onboarding": str(f)}) for w, f in zip(wishes, files, strict=True)
    ]


def _checked(wishes: Sequence[Wish]) -> None:
    from pydantic import ValidationError

    for wish in wishes:
        try:
            _ = wish.wanted
        except ValidationError as error:
            first = error.errors()[0]
            option = "--" + str(first["loc"][0]).replace("_", "-")
            raise InvalidInputError(option, first["input"], first["msg"], hint=f"correct {option}") from error


def _on_migration(
    context: typer.Context,
    verb: str,
    address: str,
    to: str | None,
    output: Format,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    from pumphouse.wire.migration import MigrationRequest

    session = session_of(context)
    environment, tenant = parse_tenant(address)
    client = session.client
    wanted = MigrationRequest(destination=to) if to is not None else MigrationRequest()
    carry_out(
        session,
        plan=lambda: client.plan_migration(environment, tenant, verb, wanted),
        start=lambda key: client.start_migration(environment, tenant, verb, wanted, idempotency_key=key),
        output=output,
        yes=yes,
        dry_run=dry_run,
    )


def _words(given: Sequence[str] | None) -> tuple[str, ...] | None:
    """`a,b` and repeated options are the same."""
    if given is None:
        return None
    words = [word.strip() for text in given for word in text.split(",")]
    return tuple(dict.fromkeys(word for word in words if word))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(
            "--html", str(path), f"it cannot be written ({type(error).__name__})"
        ) from error
