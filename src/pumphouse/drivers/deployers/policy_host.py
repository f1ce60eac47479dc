"""A `PolicyHost` in front of `policy_agent`, wherever that runs: the lab starts it here, the operator's script on his controllers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, DeployerError, InvalidInputError
from pumphouse.ports.policy import Persona, PolicyHost, PolicyView, RegisteredRule

AGENT = Path(__file__).with_name("policy_agent")
"""The program that runs in a service's Python: a folder with a `__main__.py`."""
REFUSED = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """How a call ended: its exit code, the JSON object that it answered, and its last words for people."""

    code: int
    answer: Mapping[str, Any]
    last_words: str = ""


Ask = Callable[[str, str, Mapping[str, Any]], Reply]
"""Called with a verb (services, view, judge, validate, write), a service ("" for `services`) and a document."""


class AskedPolicyHost(PolicyHost):
    """Translates between the port and the agent's JSON. `ask` raises what cannot even be asked (DeployerError, TemporaryError)."""

    def __init__(self, environment: str, ask: Ask) -> None:
        self._environment = environment
        self._ask = ask

    @override
    def services(self) -> Sequence[str]:
        told = self._asked("services", "", {}).get("services")
        if not isinstance(told, list) or not all(isinstance(name, str) for name in told):
            raise self._nonsense("services", "")
        return tuple(told)

    @override
    def view(self, service: str) -> PolicyView:
        return self._viewed(service, self._asked("view", service, {}))

    @override
    def look(
        self, service: str, personas: Sequence[Persona]
    ) -> tuple[PolicyView, Mapping[str, Mapping[str, bool]]]:
        told = self._asked("view", service, {"personas": [asdict(persona) for persona in personas]})
        view = self._viewed(service, told)
        if "passes" not in told:
            # an agent or a script of an earlier version, which does not hand the question on
            return view, self.judge(service, personas)
        return view, self._verdicts("view", service, told["passes"], personas)

    @override
    def judge(
        self, service: str, personas: Sequence[Persona], text: str | None = None
    ) -> Mapping[str, Mapping[str, bool]]:
        document = {"personas": [asdict(persona) for persona in personas], "text": text}
        return self._verdicts(
            "judge", service, self._asked("judge", service, document).get("passes"), personas
        )

    @override
    def write(self, service: str, text: str, *, expected: str) -> str:
        version = self._asked("write", service, {"text": text, "expected": expected}).get("version")
        if not isinstance(version, str):
            raise self._nonsense("write", service)
        return version

    def _asked(self, verb: str, service: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
        reply = self._ask(verb, service, document)
        what = f"the policy of {service or 'the services'} of {self._environment}"
        if reply.code == 0:
            return reply.answer
        if reply.code == REFUSED and "conflict" in reply.answer:
            raise ConflictError(f"{what}: {reply.answer['conflict']}", hint="read it again, then write again")
        if reply.code == REFUSED and "invalid" in reply.answer:
            raise InvalidInputError(
                f"policy.{service}",
                document.get("text"),
                str(reply.answer["invalid"]),
                hint="nothing was written; this text would have shut out everybody or been ignored",
                hidden=True,
            )
        words = reply.last_words or "it printed nothing"
        raise DeployerError(
            f"{what} cannot be asked ({verb}): exit code {reply.code}; its last words: {words}",
            hint="try the same by hand on that host: docs/contracts/deployer.md, policy",
        )

    def _viewed(self, service: str, told: Mapping[str, Any]) -> PolicyView:
        try:
            return _view(told)
        except (KeyError, TypeError, ValueError) as exc:
            raise self._nonsense("view", service) from exc

    def _verdicts(
        self, verb: str, service: str, passes: object, personas: Sequence[Persona]
    ) -> Mapping[str, Mapping[str, bool]]:
        if not isinstance(passes, dict) or set(passes) != {persona.name for persona in personas}:
            raise self._nonsense(verb, service)
        return passes

    def _nonsense(self, verb: str, service: str) -> DeployerError:
        return DeployerError(
            f"the answer to `{verb} {service}` of {self._environment} is not what docs/contracts/deployer.md says",
            hint="its last line on stdout must be the JSON object that policy_agent prints",
        )


def _view(told: Mapping[str, Any]) -> PolicyView:
    cache = told["token_cache_s"]
    return PolicyView(
        service=str(told["service"]),
        rules=tuple(_rule(rule) for rule in told["rules"]),
        overrides={str(name): str(check) for name, check in dict(told["overrides"]).items()},
        new_defaults=bool(told["new_defaults"]),
        ours=str(told["ours"]),
        version=str(told["version"]),
        token_cache_s=None if cache is None else int(cache),
        where=str(told["where"]),
        credentials=tuple(str(name) for name in told["credentials"]),
        keeps_removed=bool(told["keeps_removed"]),
    )


def _rule(told: Mapping[str, Any]) -> RegisteredRule:
    return RegisteredRule(
        name=str(told["name"]),
        check=str(told["check"]),
        deprecated=tuple(told["deprecated"]),
        methods=tuple(told["methods"]),
        paths=tuple(told["paths"]),
        former_name=str(told["former_name"]),
    )
