"""Runs one script: a JSON document on stdin, its lines to a progress, its end judged by exit code. Used by `driver` alone."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pumphouse.domain.errors import DeployerError
from pumphouse.drivers.deployers.command.pipes import Pipes
from pumphouse.drivers.deployers.command.scrub import Scrubber
from pumphouse.ports.deployer import Progress

GRACE_S = 5.0
"""How long a script that is out of time may tidy up between SIGTERM and SIGKILL."""
DRAIN_S = 1.0
"""How long to wait for the end of the lines after a script's end: a daemon that it started may keep the pipe open for ever."""
LAST_WORDS = 8
MAX_ANSWER = 64 * 1024
"""Of a line in bytes; more for who asks for it (`max_answer`)."""


class Exit(IntEnum):
    """The exit codes that have a meaning; all others are failures."""

    OK = 0
    FAILED = 1
    REFUSED = 3
    TIMED_OUT = 124
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    TRY_LATER = 75
    """EX_TEMPFAIL of sysexits.h"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended: `answer` is the JSON object of its last stdout line, `last_words` its last lines, without secrets."""

    code: int
    answer: Mapping[str, Any]
    last_words: Sequence[str]
    seconds: float
    timed_out: bool = False


def run_script(
    argv: Sequence[str],
    document: Mapping[str, Any],
    *,
    env: Mapping[str, str],
    directory: str | None,
    timeout_s: float,
    progress: Progress,
    scrubber: Scrubber,
    keep_open: Sequence[int] = (),
    max_answer: int = MAX_ANSWER,
) -> Ended:
    """Run `argv` without a shell in a process group of its own. `keep_open` are descriptors that it inherits.

    Raises:
        DeployerError: it could not be started.
    """
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            cwd=directory,
            start_new_session=True,
            pass_fds=keep_open,
        )
    except OSError as exc:
        raise DeployerError(
            f"cannot start {argv[0]!r}: {exc.strerror or exc}",
            hint="Look at the path, its mode and its first line (#!) on the host where Pumphouse runs.",
        ) from exc
    try:
        with Pipes(process, max_answer) as pipes:
            return _Conversation(process, document, progress, scrubber, started, pipes).run(timeout_s)
    finally:
        if process.poll() is None:
            _kill(process, signal.SIGKILL)
            process.wait()


class _Conversation:
    """Writes the document, passes lines on in the caller's thread, and ends the script when its time is over."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        document: Mapping[str, Any],
        progress: Progress,
        scrubber: Scrubber,
        started: float,
        pipes: Pipes,
    ) -> None:
        self._process = process
        self._document = document
        self._progress = progress
        self._scrubber = scrubber
        self._started = started
        self._pipes = pipes
        self._last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self._candidate = ""

    def run(self, timeout_s: float) -> Ended:
        threading.Thread(target=self._write, daemon=True).start()
        timed_out = not self._follow(self._started + timeout_s)
        if timed_out:
            _kill(self._process, signal.SIGTERM)
            self._follow(time.monotonic() + GRACE_S)
            _kill(self._process, signal.SIGKILL)
        code = self._process.wait()
        self._drain()
        answer = _answer(self._candidate)
        if answer is None:
            self._say(self._candidate)
        return Ended(
            Exit.TIMED_OUT if timed_out else code,
            answer or {},
            tuple(self._last_words),
            time.monotonic() - self._started,
            timed_out,
        )

    def _follow(self, until: float) -> bool:
        """Pass lines on until the script has ended; False when `until` came first."""
        while self._process.poll() is None:
            left = until - time.monotonic()
            if left <= 0:
                return False
            self._take(min(left, 0.1))
        return True

    def _drain(self) -> None:
        """What the script wrote before its end is read however late we come; for words of what it has started we wait a little."""
        self._pipes.owe()
        until = time.monotonic() + DRAIN_S
        while self._pipes.owing or (self._pipes.open and time.monotonic() < until):
            self._take(0.05)
        for is_stdout, line in self._pipes.left():
            self._hear(is_stdout, line)

    def _take(self, wait_s: float) -> None:
        for is_stdout, line in self._pipes.take(wait_s):
            self._hear(is_stdout, line)

    def _hear(self, is_stdout: bool, line: str) -> None:
        if is_stdout:
            # only the last line of stdout is an answer: a JSON object before it was a log line
            before, self._candidate = self._candidate, line if line.startswith("{") else ""
            self._say(before)
            if self._candidate:
                return
        self._say(line)

    def _say(self, line: str) -> None:
        clean = self._scrubber.line(line).strip()
        if clean:
            self._last_words.append(clean)
            self._progress(clean)

    def _write(self) -> None:
        stdin = self._process.stdin
        # a script need not read what it is told
        with contextlib.suppress(BrokenPipeError, OSError):
            if stdin is not None:
                stdin.write(json.dumps(self._document).encode() + b"\n")
                stdin.close()


def _answer(line: str) -> Mapping[str, Any] | None:
    """The JSON object that a line is, if it is one."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _kill(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """The whole group: what a script has started must not go on behind our back."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, how)
