"""`pumphouse lab ...`: the command line of the lab. `pumphouse.main` mounts `app` and fills `on_up`.

Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import shlex
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pumphouse.lab.choices import Choices, read_choices
from pumphouse.lab.env_commands import env_create, env_delete
from pumphouse.lab.errors import LabConfigurationError
from pumphouse.lab.lab import Lab
from pumphouse.lab.layout import DEFAULT_PORT_BASE
from pumphouse.lab.populate.command import populate_command
from pumphouse.lab.printing import (
    Format,
    Output,
    StateDir,
    err,
    errors_told,
    existing,
    on_up,
    out,
    show_plain,
)
from pumphouse.lab.progress import RichProgress
from pumphouse.lab.status import ProcessStatus
from pumphouse.lab.topology import (
    DEFAULT_NEW,
    DEFAULT_OLD,
    CloudSpec,
    NodeSize,
    default_clouds,
    parse_clouds,
)
from pumphouse.lab.waiting import now

__all__ = ["app", "on_up"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Two real OpenStack clouds of different releases on this machine.",
)
app.command("populate")(populate_command)
app.command("env-create")(env_create)
app.command("env-delete")(env_delete)


@app.command()
def up(
    state_dir: StateDir = None,
    port_base: Annotated[
        int | None, typer.Option(help=f"First port; {DEFAULT_PORT_BASE} if left out.")
    ] = None,
    cloud: Annotated[
        list[str] | None,
        typer.Option(help="NAME=RELEASE[:NODES], once per cloud, instead of the two defaults."),
    ] = None,
    release_old: Annotated[
        str | None, typer.Option(help=f"Release of `old`; {DEFAULT_OLD} if left out.")
    ] = None,
    release_new: Annotated[
        str | None, typer.Option(help=f"Release of `new`; {DEFAULT_NEW} if left out.")
    ] = None,
    cloud_settings: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE: what is chosen for that cloud, as for env-create; once per cloud."),
    ] = None,
    node_vcpus: Annotated[int | None, typer.Option(min=1, help="Virtual processors of each node.")] = None,
    node_ram_mib: Annotated[int | None, typer.Option(min=512, help="Memory of each node, in MiB.")] = None,
    node_disk_gb: Annotated[int | None, typer.Option(min=1, help="Disk of each node, in GB.")] = None,
) -> None:
    """Bring both clouds up, or complete what runs already."""
    with errors_told():
        clouds = None
        if cloud and (release_old or release_new):
            raise LabConfigurationError(
                "--cloud", cloud, "given with --release-old/new", hint="Use one or the other."
            )
        if cloud:
            clouds = parse_clouds(cloud)
        elif release_old or release_new:
            clouds = default_clouds(release_old or DEFAULT_OLD, release_new or DEFAULT_NEW)
        if cloud_settings:
            clouds = with_settings(clouds or default_clouds(), cloud_settings)
        size = None
        if node_vcpus or node_ram_mib or node_disk_gb:
            usual = NodeSize()
            size = NodeSize(
                node_vcpus or usual.vcpus, node_ram_mib or usual.ram_mib, node_disk_gb or usual.disk_gb
            )  # fmt: skip
        lab = Lab(state_dir, port_base=port_base, clouds=clouds, node_size=size)
        _run_with_progress(lab, lab.up)


@app.command()
def reset(state_dir: StateDir = None) -> None:
    """Throw the clouds away and bring fresh ones up, in the lab's first shape. Nothing is asked."""
    with errors_told():
        lab = existing(state_dir)
        _run_with_progress(lab, lab.reset)


@app.command()
def down(
    state_dir: StateDir = None,
    wipe: Annotated[
        bool, typer.Option("--wipe", help="Delete the clouds and everything in them, too; nothing is asked.")
    ] = False,
) -> None:
    """Stop everything: no process, mount or port stays. The next `up` continues the same clouds."""
    with errors_told():
        lab = Lab(state_dir)
        lab.down(wipe=wipe)
        out.print(f"The lab in {lab.state_dir} is {'gone' if wipe else 'down'}.", highlight=False)


@app.command()
def status(
    state_dir: StateDir = None,
    output: Output = Format.TABLE,
) -> None:
    """Show each process of the lab; the exit code is 1 if one is dead, or only some of them run."""
    with errors_told():
        rows = existing(state_dir).status()
        if output is Format.TABLE:
            _print_table(rows)
        else:
            show_plain(output, [_plain(row) for row in rows])
        if len({row.status for row in rows}) > 1 or any(row.status == "dead" for row in rows):
            raise typer.Exit(1)


@app.command()
def path(state_dir: StateDir = None) -> None:
    """Print the lab's state directory."""
    with errors_told():
        typer.echo(Lab(state_dir).state_dir)


@app.command()
def env(state_dir: StateDir = None) -> None:
    """Print shell lines that make `openstack --os-cloud NAME` talk to the lab: eval "$(pumphouse lab env)"."""
    with errors_told():
        lab = existing(state_dir)
        typer.echo(f"export OS_CLIENT_CONFIG_FILE={shlex.quote(str(lab.clouds_yaml))}")
        typer.echo(f"export PUMPHOUSE_LAB_DIR={shlex.quote(str(lab.state_dir))}")


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="A process name from `lab status`.")],
    state_dir: StateDir = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines from the end.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as the log grows.")] = False,
) -> None:
    """Print the end of a process's log."""
    with errors_told():
        lab = existing(state_dir)
        if not follow:
            for line in lab.log_tail(service, lines):
                typer.echo(line)
            return
        lab.log_tail(service, 1)  # says so if there is no such process
        subprocess.run(["tail", "-n", str(lines), "-F", lab.layout.log_file(service)], check=False)


def with_settings(clouds: tuple[CloudSpec, ...], options: list[str]) -> tuple[CloudSpec, ...]:
    """The clouds with what the files in NAME=FILE choose for them."""
    chosen: dict[str, dict[str, Any]] = {}
    for option in options:
        name, sign, file = option.partition("=")
        if not sign or name not in {c.name for c in clouds}:
            raise LabConfigurationError(
                "--cloud-settings", option, "not NAME=FILE of a cloud", hint="For instance old=old.toml"
            )
        chosen[name] = Choices(read_choices(Path(file))).given
    return tuple(replace(c, settings=chosen.get(c.name, c.settings)) for c in clouds)


def _run_with_progress(lab: Lab, work: Callable[[RichProgress], None]) -> None:
    began = now()
    with RichProgress(err) as progress:
        work(progress)
    for hook in on_up:
        hook(lab)
    names = ", ".join(f"{c.name} ({c.release}, {len(c.nodes)} nodes)" for c in lab.clouds)
    out.print(f"Up after {now() - began:.0f} s: {names}.", highlight=False)
    out.print(
        f'Clouds file: {lab.clouds_yaml}  (eval "$(pumphouse lab env)")', highlight=False, soft_wrap=True
    )


def _plain(row: ProcessStatus) -> dict[str, object]:
    return {**asdict(row), "status": str(row.status), "last_lines": list(row.last_lines)}


def _print_table(rows: list[ProcessStatus]) -> None:
    table = Table("name", "environment", "status", "pid", "memory (MiB)", "port")
    for row in rows:
        memory = f"{row.rss_bytes / 2**20:.0f}" if row.pid else ""
        table.add_row(row.name, row.environment, row.status, str(row.pid or ""), memory, str(row.port or ""))
    out.print(table)
    for row in rows:
        if row.last_lines:
            out.print(f"\nEnd of the log of {row.name} ({row.log}):", highlight=False)
            out.print("\n".join(row.last_lines), markup=False, highlight=False)
