"""The command `pumphouse lab populate`; mounted by the lab's commands."""

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table

from pumphouse.lab.layout import Layout, default_state_dir
from pumphouse.lab.populate.plan import DEFAULT_SERVERS, DEFAULT_TENANTS, make_plan
from pumphouse.lab.populate.tasks import Outcome
from pumphouse.lab.printing import Format, Output, errors_told, show_plain

INTERRUPTED = 130


def populate_command(
    cloud: Annotated[str, typer.Argument(help="The cloud to fill, as `lab status` names it.")] = "old",
    servers: Annotated[
        int, typer.Option(min=1, help="How many servers, dealt out to the tenants.")
    ] = DEFAULT_SERVERS,
    tenants: Annotated[str, typer.Option(help="The tenants' names, with commas.")] = ",".join(
        DEFAULT_TENANTS
    ),
    clear: Annotated[bool, typer.Option("--clear", help="Remove what an earlier run made instead.")] = False,
    output: Output = Format.TABLE,
    state_dir: Annotated[Path | None, typer.Option(help="The lab's state directory.")] = None,
) -> None:
    """Make a believable workload in a cloud of the lab: tenants with users, networks, images, volumes and servers."""
    from pumphouse.lab.populate.clear import clear as clear_workload
    from pumphouse.lab.populate.logins import connection_factory, tenant_logins
    from pumphouse.lab.populate.run import populate

    screen = Console(stderr=True)
    try:
        with errors_told():
            plan = make_plan(servers, tuple(t.strip() for t in tenants.split(",") if t.strip()))
            clouds_yaml = Layout(state_dir or default_state_dir()).clouds_yaml
            connect, logins = connection_factory(cloud, clouds_yaml), tenant_logins(cloud, clouds_yaml)
            with Display(screen, "clear" if clear else "populate", cloud) as progress:
                if clear:
                    removed = clear_workload(connect, logins, plan, progress)
                    answer = {**_identity(cloud, "removed"), "removed": removed}
                else:
                    report = populate(cloud, connect, logins, plan, progress)
                    answer = {**_identity(cloud, "done"), **asdict(report), "changed": report.changed}
    except KeyboardInterrupt:
        screen.print("Interrupted; run it again to go on.")
        sys.stderr.flush()
        # threads still wait for servers, and Python would wait for them
        os._exit(INTERRUPTED)
    if output is not Format.TABLE:
        show_plain(output, answer)
        return
    _print(Console(), cloud, answer, clouds_yaml.with_name("tenants.yaml"), plan.tenants[0].name)


def _identity(cloud: str, status: str) -> dict[str, object]:
    """The keys that every result has (docs/command-line.md)."""
    return {
        "id": cloud,
        "name": f"workload of {cloud}",
        "status": status,
        "environment": cloud,
        "cloud": cloud,
    }


class Display:
    """Live bars: one for the whole with the remaining time, and what was made last. On a pipe it prints nothing until the end."""

    def __init__(self, screen: Console, verb: str, cloud: str) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=screen,
            disable=not screen.is_terminal,
        )
        self._title = f"{verb} {cloud}"
        self._kinds: dict[str, TaskID] = {}
        self._whole: TaskID | None = None

    def __enter__(self) -> "Display":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def planned(self, counts: Mapping[str, int], weight: float) -> None:
        """Draw a bar for the whole, weighted by cost, and one for each kind."""
        self._whole = self._bars.add_task(f"[bold]{self._title}", total=weight)
        for kind, count in counts.items():
            self._kinds[kind] = self._bars.add_task(f"  {kind}", total=count)

    def finished(self, kind: str, name: str, outcome: Outcome, weight: float) -> None:
        """Move the bars on."""
        del name, outcome
        if self._whole is not None:
            self._bars.advance(self._whole, weight)
        self._bars.advance(self._kinds[kind])


def _print(
    screen: Console, cloud: str, answer: Mapping[str, object], tenants_file: Path, first_tenant: str
) -> None:
    if "removed" in answer:
        screen.print(f"Removed {answer['removed']} things from {cloud}.")
        return
    counts = answer["counts"]
    table = Table(
        title=f"{cloud}: {answer['changed']} changes in {answer['seconds']} s", title_justify="left"
    )
    for column in ("kind", "made", "repaired", "kept"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    if isinstance(counts, dict):
        for kind, by in counts.items():
            table.add_row(kind, *(str(by[c] or "") for c in ("made", "repaired", "kept")))
    screen.print(table)
    for label, key in (("Servers by node", "servers_by_node"), ("by status", "servers_by_status")):
        found = answer[key]
        if isinstance(found, dict):
            screen.print(
                f"{label}: " + (", ".join(f"{k} {v}" for k, v in found.items()) or "none"), highlight=False
            )
    screen.print(
        f"To act as a tenant: OS_CLIENT_CONFIG_FILE={tenants_file} openstack --os-cloud {cloud}-{first_tenant} server list",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    typer.run(populate_command)
