"""How tenants are migrated from the command line: one with its own display, several at once, or only as plan files. Used by migration.py."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pumphouse.cli import many, plan_file, tables
from pumphouse.cli.failures import Exit
from pumphouse.cli.output import Format, console, show
from pumphouse.cli.running import ask, carry_out, need_somebody, show_plan
from pumphouse.cli.session import Session
from pumphouse.domain.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from pumphouse.wire.finding import PlanView
    from pumphouse.wire.migration import MigrateRequest
    from pumphouse.wire.operation import OperationView

PLANS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """One tenant and what is asked for it. `environment` and `tenant` as somebody wrote them."""

    environment: str
    tenant: str
    request: Mapping[str, Any]
    file: plan_file.PlanFile | None = None

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.environment}/{self.file.name if self.file else self.tenant}"

    @property
    def wanted(self) -> "MigrateRequest":
        """For the server."""
        from pumphouse.wire.migration import MigrateRequest

        return MigrateRequest.model_validate(self.request)


def migrate_one(session: Session, wish: Wish, output: Format, *, yes: bool, dry_run: bool) -> None:
    """One tenant, with its own display; a plan file is compared with what would be done now."""
    client = session.client

    def plan() -> "PlanView":
        made = client.plan_migrate(wish.environment, wish.tenant, wish.wanted)
        _tell_changes(wish, made, refuse=False)
        return made

    if yes and not dry_run and wish.file is not None:
        made = client.plan_migrate(wish.environment, wish.tenant, wish.wanted)
        _tell_changes(wish, made, refuse=True)
    carry_out(
        session,
        plan=plan,
        start=partial(_start, session, wish),
        output=output,
        yes=yes,
        dry_run=dry_run,
    )


def migrate_several(
    session: Session, wishes: Sequence[Wish], output: Format, *, yes: bool, dry_run: bool, at_once: int
) -> None:
    """Each tenant as an operation of its own; a tenant that is blocked or fails keeps none of the others back."""
    if dry_run:
        _show_plans(_plans(session, wishes), output)
        return
    if not yes or any(w.file for w in wishes):
        plans = _plans(session, wishes)
        for wish, plan in zip(wishes, plans, strict=True):
            _tell_changes(wish, plan, refuse=yes)
        if not yes:
            _confirm(session, plans)
    runs = [many.Run(wish.name, partial(_start, session, wish)) for wish in wishes]
    code = many.run_many(session, runs, at_once)
    show(output, [run.operation for run in runs if run.operation is not None], lambda: many.summary(runs))
    for run in runs:
        if run.error is not None and output is not Format.TABLE:
            typer.secho(f"Error: {run.name}: {run.error.message}", err=True, fg="red")
    if code:
        raise typer.Exit(code)


def save_plans(
    session: Session, wishes: Sequence[Wish], path: Path, output: Format, *, overwrite: bool
) -> None:
    """Write the plans; nothing is changed in a cloud."""
    plans = _plans(session, wishes)
    client = session.client
    if len(wishes) > 1:
        _directory(path)
    for wish, plan in zip(wishes, plans, strict=True):
        tenant = client.tenant(wish.environment, wish.tenant)
        file = (
            path
            if len(wishes) == 1
            else path / plan_file.file_name(f"{tenant.environment}/{tenant.name}", "plan.yaml")
        )
        plan_file.write(
            file, plan, environment=tenant.environment, tenant=tenant.id, name=tenant.name,
            destination=str(wish.request["destination"]), request=wish.wanted.model_dump(mode="json", exclude_none=True),
            overwrite=overwrite,
        )  # fmt: skip
        typer.echo(
            f"Written to {file}; review it, then apply it: pumphouse tenant migrate --plan {file}", err=True
        )
    if len(plans) == 1:
        show_plan(plans[0], output)
    else:
        _show_plans(plans, output)


def _directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(
            plan_file.SAVE, str(path), "must be a directory, for several tenants", hint="name another one"
        ) from error


def _start(session: Session, wish: Wish, key: str) -> "OperationView":
    return session.client.start_migrate(wish.environment, wish.tenant, wish.wanted, idempotency_key=key)


def _plans(session: Session, wishes: Sequence[Wish]) -> "list[PlanView]":
    client = session.client
    with ThreadPoolExecutor(PLANS_AT_ONCE, thread_name_prefix="plans") as pool:
        return list(pool.map(lambda w: client.plan_migrate(w.environment, w.tenant, w.wanted), wishes))


def _show_plans(plans: "Sequence[PlanView]", output: Format) -> None:
    from rich.console import Group
    from rich.text import Text

    show(output, plans, lambda: Group(*(part for p in plans for part in (tables.plan(p), Text()))))
    if any(p.blocked for p in plans):
        raise typer.Exit(Exit.BLOCKED)


def _confirm(session: Session, plans: "Sequence[PlanView]") -> None:
    """Those that are blocked are told; the rest may go."""
    free = [p for p in plans if not p.blocked]
    if free:
        need_somebody(session)
    stderr = console(err=True)
    for p in plans:
        stderr.print(tables.plan(p), soft_wrap=True)
        stderr.print()
    if not free:
        typer.secho("Error [blocked-by-findings]: critical findings forbid all of them; nothing was changed", err=True, fg="red")  # fmt: skip
        raise typer.Exit(Exit.BLOCKED)
    held = len(plans) - len(free)
    blocked = f"; {held} {'is' if held == 1 else 'are'} blocked and will be refused" if held else ""
    ask(f"Migrate {len(free)} {'tenant' if len(free) == 1 else 'tenants'}{blocked}?")


def _tell_changes(wish: Wish, plan: "PlanView", *, refuse: bool) -> None:
    """What was reviewed must be what is done: with nobody to ask, a difference is refused. A blocked plan tells itself."""
    changed = [] if wish.file is None or plan.blocked else plan_file.changed(wish.file, plan)
    if not changed:
        return
    if refuse:
        raise ConflictError(
            "\n  ".join([f"{wish.name} would not be done as the plan file says:", *changed]),
            hint="look at it without --yes, or write the file anew with --save",
        )
    for line in changed:
        typer.secho(f"Not as in the plan file: {line}", err=True, fg="yellow")
