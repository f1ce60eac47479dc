"""Puts calls that come at the same time together into one request; the drivers of network kinds create and read through it.

The first caller waits 20 ms for others, again as long as others come, and carries them all; who comes while a request is under way goes with the next one. So a lone
caller loses next to nothing, and twenty threads that make twenty networks need one request, also on a machine that is busy.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from pumphouse.domain.errors import (
    CloudFaultError,
    CloudRefusedError,
    CredentialsError,
    NotFoundError,
    PumphouseError,
)
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.ports.clock import Clock

Q = TypeVar("Q")
A = TypeVar("A")
Carry = Callable[[Sequence[Q]], Sequence[A]]

_REFUSALS: Final = (BusyError, CloudRefusedError, CredentialsError, NotFoundError)
"""Answers that mean that nothing at all was done: Neutron's bulk requests are all or nothing (_create_bulk_objects in neutron/plugins/ml2/plugin.py)."""


_WINDOWS: Final = 12
"""How often we wait for others at most."""
_PATIENCE_S: Final = 3.0
"""For those who are known to be on their way."""


FEW: Final = 20
"""With so many things the first request for several of them begins."""
_SLOW_S, _QUICK_S = 15.0, 4.0
"""A request that takes longer carries half as many next time, one that takes less twice as many: on a busy cloud fifty networks take longer than anybody waits for an answer."""


class _Call(Generic[Q, A]):
    __slots__ = ("answer", "error", "question")

    def __init__(self, question: Q) -> None:
        self.question = question
        self.answer: A | None = None
        self.error: Exception | None = None

    @property
    def settled(self) -> bool:
        return self.error is not None or self.answer is not None


class Batcher(Generic[Q, A]):
    """Safe for use by many threads. `carry` sends questions as one request and answers in their order; an answer is never None.

    A batch that is refused is halved until each bad call fails alone. When the answer to a batch is lost (a fault), nobody knows whether it was carried out:
    every caller gets a CloudFaultError of his own, and looks for what may have come of it before he asks again. `coming` says whether others are about to ask.
    """

    def __init__(
        self,
        clock: Clock,
        carry: Carry[Q, A],
        *,
        at_most: int = 50,
        at_first: int = FEW,
        window_s: float = 0.02,
        coming: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._carry = carry
        self._at_most = at_most
        self._size = min(at_most, at_first)
        self._window_s = window_s
        self._coming = coming
        self._turn = threading.Condition()
        self._waiting: deque[_Call[Q, A]] = deque()
        self._led = False

    def ask(self, question: Q) -> A:
        """The answer to one question, sent together with those of others."""
        call: _Call[Q, A] = _Call(question)
        with self._turn:
            self._waiting.append(call)
            while self._led and not call.settled:
                self._turn.wait()
            if not call.settled:
                self._led = True
        if not call.settled:
            self._lead(call)
        if call.error is not None:
            raise call.error
        assert call.answer is not None  # noqa: S101  # settled without an error
        return call.answer

    def _lead(self, own: _Call[Q, A]) -> None:
        """Carry batches until our own call is settled; then somebody else leads."""
        try:
            self._await_others()
            while not own.settled:
                with self._turn:
                    batch = [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
                try:
                    self._send(batch)
                finally:
                    self._close(batch)
        finally:
            with self._turn:
                self._led = False
                self._turn.notify_all()

    def _await_others(self) -> None:
        """Until nobody has come for a while, and for a longer one as long as some are known to be on their way."""
        until = self._clock.monotonic() + _PATIENCE_S
        while self._coming() and len(self._waiting) < self._size and self._clock.monotonic() < until:
            self._clock.sleep(self._window_s)
        came = 0
        for _ in range(_WINDOWS):
            self._clock.sleep(self._window_s)
            before, came = came, len(self._waiting)
            if came in (before, 1) or came >= self._size:
                return

    def _send(self, batch: Sequence[_Call[Q, A]]) -> None:
        began = self._clock.monotonic()
        try:
            answers = self._carry([call.question for call in batch])
            self._learn(len(batch), self._clock.monotonic() - began)
        except _REFUSALS as refusal:
            if len(batch) == 1:
                batch[0].error = refusal
                return
            middle = len(batch) // 2
            self._send(batch[:middle])
            self._send(batch[middle:])
            return
        except PumphouseError as error:
            for call in batch:
                call.error = _copy(error)
            return
        if len(answers) != len(batch):
            for call in batch:
                call.error = CloudFaultError(
                    f"{len(batch)} things were asked for in one request and {len(answers)} answered",
                    hint="try again: what was made is looked for first",
                )
            return
        for call, answer in zip(batch, answers, strict=True):
            call.answer = answer

    def _learn(self, count: int, took_s: float) -> None:
        if took_s > _SLOW_S:
            self._size = max(1, count // 2)
        elif took_s < _QUICK_S and count >= self._size:
            self._size = min(self._at_most, 2 * count)

    def _close(self, batch: Sequence[_Call[Q, A]]) -> None:
        """Nobody waits for ever, whatever happened to the one who led."""
        with self._turn:
            for call in batch:
                if not call.settled:
                    call.error = CloudFaultError(
                        "a request for several was broken off",
                        hint="try again: what was made is looked for first",
                    )
            self._turn.notify_all()


def _copy(error: PumphouseError) -> PumphouseError:
    """One of its own for each caller, as a traceback belongs to one thread; all that is not a fault of the cloud is as rare as it is final."""
    if isinstance(error, CloudFaultError):
        return CloudFaultError(error.message, hint=error.hint, after_s=error.after_s)
    return error
