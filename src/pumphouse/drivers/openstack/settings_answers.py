"""What a reading of settings asks a cloud, and what it answered, by name; settings.py asks, the tables of settings_*.py tell from it.

Two rounds: lists first, then what can only be asked per thing (bounded each). A request that fails is an answer as well: its keys are unknown.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pumphouse.domain.errors import NotFoundError, PumphouseError
from pumphouse.drivers.openstack.transport import Params, Transport

_SAID_AS: Final = {
    "identity": ("keystone", "/v3"),
    "compute": ("nova", "/v2.1"),
    "placement": ("placement", ""),
    "network": ("neutron", "/v2.0"),
    "image": ("glance", "/v2"),
    "block-storage": ("cinder", "/v3"),
}
_OPTIONAL: Final = frozenset({"image", "block-storage"})
"""A cloud without one of these has no settings of it; the others it cannot do without."""


class NotToldError(Exception):
    """The cloud does not tell a value; the message is the reason. It never leaves this room."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, or the pages of one list (`paged`). `key` is the part of the body that is meant; `absent` the answer that a 404 stands for, None
    when it only means that the cloud does not tell.
    """

    service: str
    path: str
    key: str = ""
    paged: bool = False
    params: Params = field(default_factory=dict)
    microversion: str = ""
    absent: Any = None

    @property
    def source(self) -> str:
        """How people are told where a value comes from."""
        program, prefix = _SAID_AS[self.service]
        return f"{program}: GET {prefix}{self.path}"


@dataclass(frozen=True, slots=True)
class AskEach:
    """Requests that follow from earlier answers: `asks` makes them, by an id, from the answers to `after`. `shown` stands for all of them."""

    after: tuple[str, ...]
    asks: Callable[..., Mapping[str, Ask]]
    shown: Ask


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, from where; `failure` says in words why nothing did."""

    source: str
    value: Any = None
    failure: str = ""


Asked = Mapping[str, Ask | AskEach]


def answers(http: Transport, asked: Asked, names: Collection[str]) -> dict[str, Answer]:
    """The answers to `names` and to what they follow from. Those of an optional service that the cloud lacks are missing."""
    each = {name: one for name in names if isinstance(one := asked[name], AskEach)}
    wanted = {*names, *(before for one in each.values() for before in one.after)}
    single = {
        name: one
        for name in sorted(wanted)
        if isinstance(one := asked[name], Ask) and (one.service not in _OPTIONAL or http.offers(one.service))
    }
    found = dict(zip(single, http.gather([_reader(http, one) for one in single.values()]), strict=True))
    _follow(http, each, found)
    return found


def _follow(http: Transport, each: Mapping[str, AskEach], found: dict[str, Answer]) -> None:
    """The second round, all of it at once."""
    calls: list[tuple[str, str, Ask]] = []
    for name, one in each.items():
        before = [found[needed] for needed in one.after if needed in found]
        if len(before) < len(one.after):
            continue
        failure = next((answer.failure for answer in before if answer.failure), "")
        if failure:
            found[name] = Answer(one.shown.source, failure=failure)
            continue
        try:
            asks = one.asks(*(answer.value for answer in before))
        except NotToldError as untold:
            found[name] = Answer(one.shown.source, failure=str(untold))
            continue
        found[name] = Answer(one.shown.source, value={})
        calls += [(name, key, ask) for key, ask in asks.items()]
    for (name, key, _), answer in zip(
        calls, http.gather([_reader(http, ask) for _, _, ask in calls]), strict=True
    ):
        if answer.failure:
            found[name] = Answer(found[name].source, failure=answer.failure)
        elif not found[name].failure:
            found[name].value[key] = answer.value


def _reader(http: Transport, ask: Ask) -> Callable[[], Answer]:
    def read() -> Answer:
        try:
            return Answer(ask.source, value=_get(http, ask))
        except NotFoundError:
            if ask.absent is not None:
                return Answer(ask.source, value=ask.absent)
            return Answer(ask.source, failure=f"{ask.source}: this cloud has no such thing")
        except PumphouseError as error:
            return Answer(ask.source, failure=error.message)

    return read


def _get(http: Transport, ask: Ask) -> Any:
    path = ask.path.replace("PROJECT", http.project_id()) if "PROJECT" in ask.path else ask.path
    if ask.paged:
        return http.rows(ask.service, path, ask.key, params=ask.params, microversion=ask.microversion)
    body = http.get(ask.service, path, params=ask.params or None, microversion=ask.microversion)
    if not ask.key:
        return body
    if ask.key not in body:
        raise NotFoundError(ask.key, ask.path)
    return body[ask.key]
