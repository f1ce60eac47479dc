"""`pumphouse lab env-create` and `env-delete`: clouds that join a running lab, and leave it. Mounted by `commands`."""

from pathlib import Path
from typing import Annotated

import typer

from pumphouse.lab.choices import read_choices
from pumphouse.lab.printing import StateDir, err, errors_told, existing, on_up, out
from pumphouse.lab.progress import RichProgress
from pumphouse.lab.waiting import now

Name = Annotated[str, typer.Argument(help="Name of the environment, also in clouds.yaml.")]


def env_create(
    name: Name,
    release: Annotated[str, typer.Option(help="Its OpenStack release, for instance 2026.2.")],
    settings: Annotated[
        Path | None, typer.Option(help="TOML or YAML file of what is chosen: see docs/lab.md.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, over the file's; VALUE as YAML."),
    ] = None,
    state_dir: StateDir = None,
) -> None:
    """Add a cloud without compute nodes to the running lab, or complete one that a crash has left half made."""
    with errors_told():
        lab = existing(state_dir)
        chosen = read_choices(settings, set_ or ())
        began = now()
        with RichProgress(err) as progress:
            lab.env_create(name, release, chosen, progress)
        for hook in on_up:
            hook(lab)
        out.print(f"Up after {now() - began:.0f} s: {name} ({release}, 0 nodes).", highlight=False)


def env_delete(name: Name, state_dir: StateDir = None) -> None:
    """Remove a cloud that env-create made, wholly or in part: no process, database, port or entry stays. Nothing is asked."""
    with errors_told():
        lab = existing(state_dir)
        with RichProgress(err) as progress:
            lab.env_delete(name, progress)
        out.print(f"{name} is gone.", highlight=False)
