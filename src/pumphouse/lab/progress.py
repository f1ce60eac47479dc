"""How bringing up a lab is told to whoever waits: `Progress` is the interface, `RichProgress` the terminal's."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars


class Progress(Protocol):
    """Receives phases (a title and how many parts it has) and the parts as they are done. May be called from threads."""

    def phase(self, title: str, total: int) -> None:
        """A phase begins, or turns out to have another number of parts."""

    def done(self, title: str, part: str) -> None:
        """One part of that phase is done."""

    def say(self, text: str) -> None:
        """Something worth a line of its own."""


class Silence:
    """A progress that nobody watches."""

    def phase(self, title: str, total: int) -> None:
        """Nothing."""

    def done(self, title: str, part: str) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


class RichProgress:
    """Bars on a terminal: one per phase, with counts and seconds. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Bars(
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[part]}"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def phase(self, title: str, total: int) -> None:
        if title in self._tasks:
            self._bars.update(self._task(title), total=total)
        else:
            self._tasks[title] = self._bars.add_task(title, total=total, part="")

    def done(self, title: str, part: str) -> None:
        self._bars.update(self._task(title), advance=1, part=part)

    def say(self, text: str) -> None:
        self._console.print(text)

    def _task(self, title: str) -> TaskID:
        return self._tasks[title]
