"""`pumphouse env duplicate` and `env delete`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pumphouse.cli import answers
from pumphouse.cli.address import parse_options
from pumphouse.cli.output import Format, Output
from pumphouse.cli.running import DryRun, Yes, carry_out, show_plan
from pumphouse.cli.session import session_of
from pumphouse.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from pumphouse.wire.duplication import DuplicateRequest

Original = Annotated[str, typer.Argument(metavar="ENV", help="The environment that is duplicated.")]
Name = Annotated[str, typer.Argument(metavar="ENV", help="Name or id of the environment.")]


def duplicate(
    context: typer.Context,
    original: Original,
    name: Annotated[str | None, typer.Option(help="The name of the duplicate.")] = None,
    release: Annotated[str | None, typer.Option(help="Its release: the same or a newer one.")] = None,
    set: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Decide a setting; repeatable.")
    ] = None,
    answers_file: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="Decisions as --save wrote them.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where the answers file is written; NAME.answers.yaml if left out."
        ),
    ] = None,
    contents: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Furnish it with: domains, roles, flavors, volume_types, quotas, aggregates, external_networks, images.",
        ),
    ] = None,
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Build it; without, only the answers file is written.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Build a new environment like another one, under the same or a newer release."""
    session = session_of(context)
    told = answers.read(answers_file) if answers_file else None
    about = _about(original, name, release, contents, told)
    wanted = _request(about, set or [])
    client = session.client
    if dry_run or not deploy:
        plan = client.plan_duplicate(original, wanted)
        if not dry_run:
            path = save or Path(f"{about.name}.answers.yaml")
            answers.write(path, about, list(plan.settings), list(plan.unknown), overwrite=yes)
            typer.echo(f"Written to {path}; review it, then give it with --answers and --deploy.", err=True)
        show_plan(plan, output)
        return
    if save is not None:
        plan = client.plan_duplicate(original, wanted)
        answers.write(save, about, list(plan.settings), list(plan.unknown), overwrite=yes)
    carry_out(
        session,
        plan=lambda: client.plan_duplicate(original, wanted),
        start=lambda key: client.start_duplicate(original, wanted, idempotency_key=key),
        output=output,
        yes=yes,
        dry_run=False,
    )


def delete(
    context: typer.Context,
    name: Name,
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Raze and forget a duplicate that never got a node or a tenant."""
    session = session_of(context)
    client = session.client
    carry_out(
        session,
        plan=lambda: client.plan_delete_environment(name),
        start=lambda key: client.start_delete_environment(name, idempotency_key=key),
        output=output,
        yes=yes,
        dry_run=dry_run,
    )


def _about(
    original: str, name: str | None, release: str | None, contents: str | None, told: answers.Answers | None
) -> answers.Answers:
    """The command line and the file must not say two things."""
    for option, said, written in (
        ("ENV", original, told.original if told else None),
        ("--name", name, told.name if told else None),
        ("--release", release, told.release if told else None),
    ):
        if said is None and written is None:
            raise typer.BadParameter(f"give {option}, or an answers file that says it")
        if said is not None and written is not None and said != written:
            raise InvalidInputError(
                option,
                said,
                f"the answers file is for {written}",
                hint="leave the option out, or name another file",
            )
    kinds = tuple(k.strip() for k in contents.split(",") if k.strip()) if contents is not None else None
    return answers.Answers(
        original,
        name or (told.name if told else ""),
        release or (told.release if told else ""),
        kinds if kinds is not None else (told.contents if told else ()),
        told.values if told else {},
    )


def _request(about: answers.Answers, given: list[str]) -> "DuplicateRequest":
    from pumphouse.wire.duplication import DuplicateRequest

    values = {**about.values, **parse_options(given, option="--set")}
    # the server checks, and names what is wrong
    return DuplicateRequest.model_construct(
        _fields_set=None,
        name=about.name,
        release=about.release,
        answers=values,
        contents=about.contents,
    )


__all__ = ["delete", "duplicate"]
