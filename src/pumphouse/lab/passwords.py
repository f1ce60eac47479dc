"""The lab's secrets: made once per lab, kept 0600 in its state directory, never printed."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from pumphouse.lab.topology import write_atomically


@dataclass(frozen=True, slots=True, repr=False)
class Passwords:
    """`admin` is the clouds' administrator, `service` all service users, `rabbitmq` the message queue's user."""

    admin: str
    service: str
    rabbitmq: str
    erlang_cookie: str


def load_passwords(path: Path) -> Passwords:
    """The lab's passwords; made now if this lab has none yet."""
    if path.exists():
        return Passwords(**json.loads(path.read_text()))
    made = Passwords(*(secrets.token_hex(16) for _ in range(4)))
    write_atomically(path, json.dumps(asdict(made)) + "\n", mode=0o600)
    return made


def fernet_key() -> str:
    """One key of keystone's token and credential repositories."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
