"""What a script prints, line by line, without a thread that could come late. Used by `process`."""

import fcntl
import os
import selectors
import struct
import subprocess
import termios
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

CHUNK = 64 * 1024


class _Stream:
    def __init__(self, pipe: IO[bytes], *, is_stdout: bool, max_line: int) -> None:
        self.pipe = pipe
        self.is_stdout = is_stdout
        self.owed = 0
        self._max_line = max_line
        self._begun = bytearray()
        os.set_blocking(pipe.fileno(), False)

    def read(self) -> Iterator[str] | None:
        """The lines that one look at the pipe completes; None at its end, when `rest` is what is left."""
        try:
            found = os.read(self.pipe.fileno(), CHUNK)
        except BlockingIOError:
            return iter(())
        self.owed -= len(found)
        return self._lines(found) if found else None

    def _lines(self, found: bytes) -> Iterator[str]:
        # only what is new is looked through: an answer may be megabytes long and comes in pieces
        first, *others = found.split(b"\n")
        self._begun += first
        for line in others:
            yield from self._pieces(bytes(self._begun))
            self._begun = bytearray(line)
        # a line without an end must not fill the memory
        while len(self._begun) >= self._max_line:
            yield _text(bytes(self._begun[: self._max_line]))
            self._begun = self._begun[self._max_line :]

    def _pieces(self, line: bytes) -> Iterator[str]:
        for start in range(0, len(line) or 1, self._max_line):
            yield _text(line[start : start + self._max_line])

    def rest(self) -> Iterator[str]:
        """What came without the end of a line."""
        if self._begun:
            yield _text(bytes(self._begun))
            self._begun = bytearray()

    def waiting(self) -> int:
        """How many bytes lie in the pipe. FIONREAD, tty_ioctl(4)."""
        (count,) = struct.unpack("i", fcntl.ioctl(self.pipe.fileno(), termios.FIONREAD, b"\0\0\0\0"))
        return int(count)


class Pipes:
    """The stdout and stderr of a process. A context manager that closes both."""

    def __init__(self, process: subprocess.Popen[bytes], max_line: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._streams = [
            _Stream(pipe, is_stdout=pipe is process.stdout, max_line=max_line)
            for pipe in (process.stdout, process.stderr)
            if pipe is not None
        ]
        for stream in self._streams:
            self._selector.register(stream.pipe, selectors.EVENT_READ, stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._selector.close()
        for stream in self._streams:
            stream.pipe.close()

    @property
    def open(self) -> bool:
        """Whether somebody may still write: the script, or what it has started."""
        return bool(self._selector.get_map())

    def owe(self) -> None:
        """Remember what lies in the pipes: said when the process has ended, all that is its own."""
        for stream in self._streams:
            stream.owed = stream.waiting()

    @property
    def owing(self) -> bool:
        """Whether some of what `owe` saw has not been read yet."""
        return self.open and any(stream.owed > 0 for stream in self._streams)

    def take(self, wait_s: float) -> Iterator[tuple[bool, str]]:
        """Lines that come within `wait_s` seconds, each with whether it is of stdout; returns after the first look that finds some."""
        for key, _ in self._selector.select(wait_s):
            stream: _Stream = key.data
            lines = stream.read()
            if lines is None:
                self._selector.unregister(stream.pipe)
                stream.owed = 0
                lines = stream.rest()
            yield from ((stream.is_stdout, line) for line in lines)

    def left(self) -> Iterator[tuple[bool, str]]:
        """Last words without the end of a line, in pipes that a daemon keeps open."""
        for stream in self._streams:
            yield from ((stream.is_stdout, line) for line in stream.rest())


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n")
