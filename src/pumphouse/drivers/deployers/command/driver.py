"""The deployer `command`: the operator's own scripts, as docs/contracts/deployer.md describes them. Made by the toolbox, called by workflows."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from typing_extensions import override

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import DeployerError, InvalidInputError, TemporaryError
from pumphouse.domain.settings import EnvironmentSpec
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.deployers.command.environments import ScriptedEnvironments
from pumphouse.drivers.deployers.command.guard import lock_directory, only_one
from pumphouse.drivers.deployers.command.options import parse_options
from pumphouse.drivers.deployers.command.process import Ended, Exit, run_script
from pumphouse.drivers.deployers.command.scrub import Scrubber, secrets_in
from pumphouse.drivers.deployers.policy_host import AskedPolicyHost, Reply
from pumphouse.ports.clock import Clock
from pumphouse.ports.deployer import Capabilities, Deployer, NodeDeployState, Progress, Role
from pumphouse.ports.policy import PolicyHost

CONTRACT_VERSION = 1
INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSH_AUTH_SOCK")
"""What scripts get of our environment unasked; the rest of it holds our own secrets."""
SETTLE_EVERY_S = 2.0
DEFAULT_RETRY_S = 60.0
POLICY_S = 120.0
"""The least time for a question about a policy: a service's Python has to start on a controller, and judges hundreds of rules."""
MAX_POLICY_ANSWER = 16 * 1024 * 1024
MAX_SETTINGS_ANSWER = 1024 * 1024
WORD = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
BUSY = frozenset({NodeDeployState.INSTALLING, NodeDeployState.REMOVING})


class CommandDeployer(Deployer):
    """Runs a script per action. The `state` script is asked before and after each act, so a repeated call does nothing twice."""

    def __init__(
        self, environment: Environment, options: Mapping[str, Any], clock: Clock | None = None
    ) -> None:
        """Check the options. The loader of drivers gives no clock: then it is the machine's.

        Raises:
            InvalidInputError: naming the option that is wrong.
        """
        self._environment = environment
        self._clock = clock or SystemClock()
        self._options = parse_options(options)
        passed = {n: os.environ[n] for n in self._options.pass_env if n in os.environ}
        self._env = (
            {n: os.environ[n] for n in INHERITED if n in os.environ} | dict(self._options.env) | passed
        )
        self._scrubber = Scrubber(
            [*passed.values(), *secrets_in(self._options.env), *secrets_in(self._options.site)]
        )

        asks = "environments" in self._options.commands
        self._environments = ScriptedEnvironments(self._ask_environments) if asks else None
        self._lock: int | None = None

    @override
    def capabilities(self) -> Capabilities:
        return Capabilities(
            name="command",
            contract_version=CONTRACT_VERSION,
            roles=self._options.roles,
            reinstalls_removed=self._options.reinstalls_removed,
        )

    @override
    def validate(self, node: str, role: Role) -> list[str]:
        reasons = []
        if role not in self._options.roles:
            can = ", ".join(sorted(self._options.roles))
            reasons.append(f"the scripts of {self._environment.name} install {can}, not {role}")
        for action, argv in self._options.commands.items():
            if shutil.which(argv[0], path=self._env.get("PATH")) is None:
                reasons.append(f"{action}: {argv[0]!r} is not an executable file on this host")
        if reasons or "validate" not in self._options.commands:
            return reasons
        ended = self._ask("validate", node, role)
        told = ended.answer.get("reasons")
        if ended.code == Exit.REFUSED:
            return _texts(told) or list(ended.last_words) or ["the validate script refused without a reason"]
        self._judge("validate", node, ended)
        return _texts(told)

    @override
    def state(self, node: str) -> NodeDeployState:
        ended = self._ask("state", node, None)
        self._judge("state", node, ended)
        told = ended.answer.get("state")
        try:
            return NodeDeployState(str(told))
        except ValueError as exc:
            known = ", ".join(NodeDeployState)
            raise DeployerError(
                f"the state script of {self._environment.name} answered {str(told)[:100]!r} for {node}",
                hint=f'Its last line on stdout must be {{"state": "..."}} with one of: {known}.',
            ) from exc

    @override
    def take_down(self, node: str, progress: Progress) -> None:
        self._bring(node, None, "take_down", NodeDeployState.ABSENT, progress)

    @override
    def install(self, node: str, role: Role, progress: Progress) -> None:
        if role not in self._options.roles:
            raise DeployerError(f"the scripts of {self._environment.name} do not install the role {role}")
        self._bring(node, role, "install", NodeDeployState.INSTALLED, progress)

    @override
    def register(self, node: str) -> None:
        self._tell("register", node)

    @override
    def unregister(self, node: str) -> None:
        self._tell("unregister", node)

    @override
    def policy(self) -> PolicyHost | None:
        if "policy" not in self._options.commands:
            return None
        return AskedPolicyHost(self._environment.name, self._ask_policy)

    @override
    def releases(self) -> Sequence[str]:
        return self._environments.releases() if self._environments else super().releases()

    @override
    def settable(self, release: str) -> Mapping[str, str]:
        if self._environments is None or not WORD.match(release):
            return super().settable(release)
        return self._environments.settable(release)

    @override
    def settings(self) -> Mapping[str, tuple[Any, str]]:
        return self._environments.settings() if self._environments else super().settings()

    @override
    def built(self, name: str) -> EnvironmentSpec | None:
        return self._environments.built(_word(name)) if self._environments else super().built(name)

    @override
    def build(self, spec: EnvironmentSpec, progress: Progress) -> CloudAccess:
        if self._environments is None:
            return super().build(spec, progress)
        _word(spec.name)
        with self._only_one_environment(spec.name):
            return self._environments.build(spec, progress)

    @override
    def raze(self, name: str, progress: Progress) -> None:
        if self._environments is not None:
            with self._only_one_environment(_word(name)):
                if self._environments.built(name) is not None:
                    self._environments.raze(name, progress)

    @contextmanager
    def _only_one_environment(self, name: str) -> Iterator[None]:
        """A script that a killed Pumphouse has left running is waited for, as with nodes."""
        locks = lock_directory(self._options.lock_dir)
        with only_one(locks, "environments", name, self._options.timeout_s, self._clock) as lock:
            self._lock = lock
            try:
                yield
            finally:
                self._lock = None

    def _ask_environments(
        self, verb: str, subject: str, document: Mapping[str, Any], progress: Progress
    ) -> Ended:
        acts = verb in ("build", "raze")
        ended = run_script(
            (*self._options.commands["environments"], verb, *([subject] if subject else [])),
            {
                "contract_version": CONTRACT_VERSION,
                "action": "environments",
                "environment": self._environment.name,
                "options": dict(self._options.site),
                **document,
            },
            env=self._env,
            directory=self._options.directory,
            timeout_s=self._options.timeout_s if acts else self._options.question_timeout_s,
            progress=progress,
            scrubber=self._scrubber,
            keep_open=() if self._lock is None else (self._lock,),
            max_answer=MAX_SETTINGS_ANSWER,
        )
        if ended.code != Exit.REFUSED or "key" not in ended.answer:
            self._judge(f"environments {verb} {subject}".strip(), "", ended)
        return ended

    def _ask_policy(self, verb: str, service: str, document: Mapping[str, Any]) -> Reply:
        """One call of the policy script. What it prints beside its answer is kept for an error only."""
        told = {
            "contract_version": CONTRACT_VERSION,
            "action": "policy",
            "environment": self._environment.name,
            "options": dict(self._options.site),
            **document,
        }
        ended = run_script(
            (*self._options.commands["policy"], verb, *([service] if service else [])),
            told,
            env=self._env,
            directory=self._options.directory,
            timeout_s=max(self._options.question_timeout_s, POLICY_S),
            progress=_nobody,
            scrubber=self._scrubber,
            max_answer=MAX_POLICY_ANSWER,
        )
        what = f"policy {verb} {service}".strip()
        if ended.code != Exit.REFUSED or not {"conflict", "invalid"} & set(ended.answer):
            self._judge(what, "", ended)
        return Reply(ended.code, ended.answer, "; ".join(ended.last_words))

    def _bring(
        self, node: str, role: Role | None, action: str, wanted: NodeDeployState, progress: Progress
    ) -> None:
        until = self._clock.monotonic() + self._options.timeout_s
        locks = lock_directory(self._options.lock_dir)
        with only_one(locks, self._environment.name, node, self._options.timeout_s, self._clock) as lock:
            # a call before a crash may have done it, or something that it started may still be at it
            if self._settled(node, until, progress) is wanted:
                return
            ended = self._run(action, node, role, until - self._clock.monotonic(), progress, lock)
            self._judge(action, node, ended)
            state = self._settled(node, until, progress)
        if state is not wanted:
            raise DeployerError(
                f"{action} of {node} in {self._environment.name} ended well, but its state is {state}",
                hint="The scripts disagree: `state` must tell what `take_down` and `install` did.",
            )

    def _settled(self, node: str, until: float, progress: Progress) -> NodeDeployState:
        """The node's state once nothing works on it any more, or when the time is over."""
        told = ""
        while (state := self.state(node)) in BUSY and self._clock.monotonic() < until:
            if state != told:
                progress(f"{node} is {state}; waiting")
                told = state
            self._clock.sleep(SETTLE_EVERY_S)
        return state

    def _tell(self, action: str, node: str) -> None:
        if action not in self._options.commands:
            return
        ended = self._run(action, node, None, self._options.timeout_s, _nobody, None)
        self._judge(action, node, ended)

    def _ask(self, action: str, node: str, role: Role | None) -> Ended:
        return self._run(action, node, role, self._options.question_timeout_s, _nobody, None)

    def _run(
        self,
        action: str,
        node: str,
        role: Role | None,
        timeout_s: float,
        progress: Progress,
        lock: int | None,
    ) -> Ended:
        document = {
            "contract_version": CONTRACT_VERSION,
            "action": action,
            "environment": self._environment.name,
            "node": node,
            "role": None if role is None else role.value,
            "options": dict(self._options.site),
        }
        return run_script(
            self._options.commands[action],
            document,
            env=self._env,
            directory=self._options.directory,
            timeout_s=max(timeout_s, 1.0),
            progress=progress,
            scrubber=self._scrubber,
            keep_open=() if lock is None else (lock,),
        )

    def _judge(self, action: str, node: str, ended: Ended) -> None:
        """Nothing when the script ended well.

        Raises:
            TemporaryError: it asks for a later try.
            DeployerError: it failed, refused or took too long.
        """
        if ended.code == Exit.OK:
            return
        what = (
            f"{action} of {node} in {self._environment.name}"
            if node
            else f"{action} in {self._environment.name}"
        )
        last = "; ".join(ended.last_words) or "it printed nothing"
        if ended.code == Exit.TRY_LATER:
            raise TemporaryError(
                f"{what}: the script asks for a later try: {last}", after_s=_after(ended.answer)
            )
        if ended.timed_out:
            raise DeployerError(
                f"{what}: stopped after {ended.seconds:.0f} s; its last words: {last}",
                hint="Raise deployer_options.timeout_s if the work needs longer.",
            )
        raise DeployerError(
            f"{what}: {_verdict(ended, self._scrubber)}; its last words: {last}",
            hint=_HINTS.get(ended.code, ""),
        )


_HINTS: dict[int, str] = {
    Exit.NOT_EXECUTABLE: "The script, or a program it calls, may not be executed: look at its mode.",
    Exit.NOT_FOUND: "A program that the script calls was not found: look at its PATH.",
}


def _verdict(ended: Ended, scrubber: Scrubber) -> str:
    if ended.code == Exit.REFUSED:
        reasons = [scrubber.line(r) for r in _texts(ended.answer.get("reasons"))]
        return "refused" + (f": {'; '.join(reasons)}" if reasons else "")
    if ended.code == Exit.TIMED_OUT:
        return "the script says that something timed out (exit 124)"
    if ended.code < 0:
        return f"killed by signal {-ended.code}"
    return f"failed with exit code {ended.code}"


def _texts(value: object) -> list[str]:
    return [str(v) for v in value if v] if isinstance(value, list) else []


def _word(name: str) -> str:
    """A name that a script cannot take for an option or a path.

    Raises:
        InvalidInputError: it is none.
    """
    if not WORD.match(name):
        raise InvalidInputError(
            "environment",
            name,
            "not a name for a script",
            hint="Letters, digits, '.', '_' and '-', 63 at most.",
        )
    return name


def _after(answer: Mapping[str, Any]) -> float:
    told = answer.get("after_s")
    if isinstance(told, int | float) and not isinstance(told, bool) and 0 <= told <= 86400:
        return float(told)
    return DEFAULT_RETRY_S


def _nobody(line: str) -> None:
    del line
