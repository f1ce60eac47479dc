"""A `PolicyHost` that several tenants ask at once: toolbox.py puts it in front of every deployer's.

Each question starts a program of a service's own Python, which takes a second or two of a processor (measured), and fences of several tenants ask
the same things at the same time. Who comes while a question of his kind is under way waits for its end, and then shares the next one with all
others who wait: an answer is never older than its question, and a file that names four tenants is written once and not four times. Only who asks for
a recent view gets one that is up to half a minute old.
"""

import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from pumphouse.drivers.together import Together
from pumphouse.ports.policy import Persona, PolicyHost, PolicyView

RECENT_S: Final = 30.0


class _Question:
    """`like` is what all who share an answer have in common."""

    def __init__(self, like: Hashable, ask: "Callable[[Sequence[_Question]], None]") -> None:
        self.like = like
        self.ask = ask
        self.personas: Sequence[Persona] = ()
        self.answer: Any = None
        self.error: Exception | None = None


class PolicyTurns:
    """Whose turn it is to ask the services of one environment, and what they have said last; safe for use by many threads."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._recent: dict[str, tuple[float, PolicyView]] = {}
        self._turns: dict[Hashable, Together[_Question]] = {}

    def put(self, key: Hashable, question: _Question) -> Any:
        """Ask it, alone or together with others of the same key; answers what was answered, or raises it."""
        with self._lock:
            turn = self._turns.setdefault(key, Together(_asked))
        turn.put([question])
        if question.error is not None:
            raise question.error
        return question.answer

    def heard(self, view: PolicyView) -> None:
        """Keep it for half a minute."""
        with self._lock:
            self._recent[view.service] = (self._now(), view)

    def recent(self, service: str) -> PolicyView | None:
        """What was heard within half a minute."""
        with self._lock:
            at, view = self._recent.get(service, (0.0, None))
            return view if view is not None and self._now() - at <= RECENT_S else None

    def written(self, service: str, text: str, version: str) -> None:
        """Our file is another now; all else is as it was."""
        with self._lock:
            if service in self._recent:
                at, view = self._recent[service]
                self._recent[service] = (at, replace(view, ours=text, version=version))


class JoinedPolicyHost(PolicyHost):
    """`host` as many threads may ask it; all that share `turns` ask the same services."""

    def __init__(self, host: PolicyHost, turns: PolicyTurns) -> None:
        self._host = host
        self._turns = turns

    @override
    def services(self) -> Sequence[str]:
        return self._host.services()

    @override
    def view(self, service: str) -> PolicyView:
        def ask(together: Sequence[_Question]) -> None:
            found = self._host.view(service)
            self._turns.heard(found)
            for each in together:
                each.answer = found

        view: PolicyView = self._turns.put(("view", service), _Question(service, ask))
        return view

    @override
    def recent_view(self, service: str) -> PolicyView:
        return self._turns.recent(service) or self.view(service)

    @override
    def look(
        self, service: str, personas: Sequence[Persona]
    ) -> tuple[PolicyView, Mapping[str, Mapping[str, bool]]]:
        def ask(together: Sequence[_Question]) -> None:
            view, passes = self._host.look(service, _renamed(together))
            self._turns.heard(view)
            for number, each in enumerate(together):
                each.answer = view, _own(each, number, passes)

        question = _Question(service, ask)
        question.personas = personas
        seen: tuple[PolicyView, Mapping[str, Mapping[str, bool]]] = self._turns.put(
            ("look", service), question
        )
        return seen

    @override
    def judge(
        self, service: str, personas: Sequence[Persona], text: str | None = None
    ) -> Mapping[str, Mapping[str, bool]]:
        def ask(together: Sequence[_Question]) -> None:
            passes = self._host.judge(service, _renamed(together), text)
            for number, each in enumerate(together):
                each.answer = _own(each, number, passes)

        question = _Question(text, ask)
        question.personas = personas
        verdicts: Mapping[str, Mapping[str, bool]] = self._turns.put(("judge", service), question)
        return verdicts

    @override
    def write(self, service: str, text: str, *, expected: str) -> str:
        def ask(together: Sequence[_Question]) -> None:
            version = self._host.write(service, text, expected=expected)
            self._turns.written(service, text, version)
            for each in together:
                each.answer = version

        written: str = self._turns.put(("write", service), _Question((text, expected), ask))
        return written


def _renamed(together: Sequence[_Question]) -> list[Persona]:
    """Everybody names his personas as he likes: numbers tell those of one from those of another."""
    return [
        replace(p, name=f"{number} {p.name}") for number, each in enumerate(together) for p in each.personas
    ]


def _own(
    question: _Question, number: int, passes: Mapping[str, Mapping[str, bool]]
) -> Mapping[str, Mapping[str, bool]]:
    return {p.name: passes[f"{number} {p.name}"] for p in question.personas}


def _asked(together: Sequence[_Question]) -> None:
    groups: dict[Hashable, list[_Question]] = {}
    for question in together:
        groups.setdefault(question.like, []).append(question)
    for group in groups.values():
        try:
            group[0].ask(group)
        except Exception as error:
            for question in group:
                question.error = error
