"""The policy of the lab's services: `policy_agent` started in the Python of a cloud's release, here on this machine. Made by `driver`."""

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pumphouse.domain.errors import DeployerError
from pumphouse.domain.fence import SERVICES
from pumphouse.drivers.deployers.policy_host import AGENT, AskedPolicyHost, Reply
from pumphouse.lab.errors import LabError

if TYPE_CHECKING:
    from pumphouse.lab import Lab

ANSWER_S = 180.0
"""Measured: 1.5 s at the most for a view, 6 s for judging 32 personas; this is for a machine under load."""


def lab_policy_host(cloud: str, lab: "Callable[[], Lab]") -> AskedPolicyHost:
    """The services of `cloud`; the lab is opened at the first question."""

    def ask(verb: str, service: str, document: Mapping[str, Any]) -> Reply:
        if verb == "services":
            return Reply(0, {"services": list(SERVICES)})
        if service not in SERVICES:
            raise DeployerError(
                f"the lab has no policy of {service!r}", hint=f"Known: {', '.join(SERVICES)}."
            )
        try:
            python, environment = lab().release_python(cloud)
            file = lab().configuration_file(cloud, service)
        except LabError as exc:
            raise DeployerError(exc.message, hint=exc.hint) from exc
        command = [python, str(AGENT), verb, service, "--config-file", str(file)]
        return _run(command, environment | {"PYTHONDONTWRITEBYTECODE": "1"}, json.dumps(document))

    return AskedPolicyHost(cloud, ask)


def _run(command: list[str], environment: Mapping[str, str], document: str) -> Reply:
    try:
        ended = subprocess.run(
            command,
            input=document,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise DeployerError(
            f"the policy of the lab cannot be asked: {exc}", hint="See `pumphouse lab status`."
        ) from exc
    last = ended.stdout.strip().rpartition("\n")[2]
    answer = json.loads(last) if last.startswith("{") else {}
    return Reply(ended.returncode, answer, ended.stderr.strip()[-500:])
