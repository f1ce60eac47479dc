"""What every command is given: the options of the whole command line and, when first needed, a client. Made by app.py."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import typer

from pumphouse.ports.clock import Clock

if TYPE_CHECKING:
    from pumphouse.client.client import Client


@dataclass(frozen=True, slots=True)
class Options:
    """Options in front of the noun."""

    debug: bool = False
    config: str | None = None
    server: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """A client, and whether the application that it speaks to ends with this process. `rest` waits so many seconds, or until an operation of this process ends."""

    client: "Client"
    in_process: bool
    close: Callable[[], None]
    rest: Callable[[float], None] | None = None


class Wiring(Protocol):
    """What `main` gives to the command line."""

    @property
    def clock(self) -> Clock: ...

    def connect(self, options: Options) -> Connection:
        """To the server of the configuration, or to an application made in this process."""
        ...

    def serve(self, options: Options, host: str | None, port: int | None) -> None:
        """Run the server until it is told to stop."""
        ...


@dataclass(slots=True)
class Session:
    """One run of the command line."""

    wiring: Wiring
    options: Options
    _connection: Connection | None = field(default=None)

    @property
    def connection(self) -> Connection:
        """Made when first asked for; interrupted operations are told of then."""
        if self._connection is None:
            self._connection = self.wiring.connect(self.options)
            if self._connection.in_process:
                _tell_of_interrupted(self._connection.client)
        return self._connection

    @property
    def client(self) -> "Client":
        return self.connection.client

    @property
    def clock(self) -> Clock:
        return self.wiring.clock

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def close(self) -> None:
        """Give everything back."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()


def session_of(context: typer.Context) -> Session:
    """The session of a command's context."""
    session = context.find_object(Session)
    if session is None:
        raise RuntimeError("the command was called without a session")
    return session


def _tell_of_interrupted(client: "Client") -> None:
    left = client.status().interrupted
    if not left:
        return
    many = "1 operation was" if len(left) == 1 else f"{len(left)} operations were"
    typer.echo(f"{many} interrupted; go on with: pumphouse operation resume {left[0][:8]}", err=True)
