"""The lab's secrets, each cloud's its own: made once, kept 0600 in the state directory, never printed."""

import base64
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pumphouse.lab.errors import LabConfigurationError, LabError
from pumphouse.lab.topology import write_atomically


@dataclass(frozen=True, slots=True, repr=False)
class CloudPasswords:
    """`admin` is the cloud's administrator, `service` all its service users, `rabbitmq` its user of the message queue."""

    admin: str
    service: str
    rabbitmq: str


@dataclass(frozen=True, slots=True, repr=False)
class Passwords:
    """Those of all clouds, and the cookie of the message queue's nodes."""

    erlang_cookie: str
    clouds: Mapping[str, CloudPasswords]

    def of(self, cloud: str) -> CloudPasswords:
        """Those of one cloud.

        Raises:
            LabError: it has none.
        """
        if cloud not in self.clouds:
            raise LabError(
                f"there are no passwords for {cloud}",
                hint="Is another command changing the lab? Else: pumphouse lab down --wipe.",
            )
        return self.clouds[cloud]


def load_passwords(path: Path) -> Passwords:
    """What was kept; nothing for any cloud while nothing was.

    Raises:
        LabConfigurationError: the file is of an earlier version, whose clouds shared their passwords.
    """
    if not path.exists():
        return Passwords("", {})
    told = json.loads(path.read_text())
    if "clouds" not in told:
        raise LabConfigurationError(
            "passwords", path, "was written by an earlier version", hint="pumphouse lab down --wipe"
        )
    return Passwords(
        told["erlang_cookie"], {name: CloudPasswords(**own) for name, own in told["clouds"].items()}
    )


def keep_passwords(path: Path, clouds: Iterable[str]) -> None:
    """Make what these clouds have not got yet and forget those of all others: a cloud that is made anew under an old name has new secrets. Under the lab's
    lock, and before anybody is told of a new cloud.
    """
    known = load_passwords(path)
    kept = {name: asdict(known.clouds[name]) if name in known.clouds else _made() for name in clouds}
    cookie = known.erlang_cookie or secrets.token_hex(16)
    write_atomically(path, json.dumps({"erlang_cookie": cookie, "clouds": kept}) + "\n", mode=0o600)


def _made() -> dict[str, str]:
    return asdict(CloudPasswords(*(secrets.token_hex(16) for _ in range(3))))


def fernet_key() -> str:
    """One key of keystone's token and credential repositories."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
