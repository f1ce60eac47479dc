"""The set-up of logging: structlog events as JSON lines, with everything that looks like a secret taken out. Called by `main` once."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

SECRET = re.compile(r"(?i)(token|password|passwd|secret|authorization|credential|fernet|api[_-]?key|sealed)")
IN_TEXT = re.compile(
    r"(?i)((?:\b(?:bearer|basic)\s+)|(?:(?:token|password|secret|authorization)[\"']?\s*[=:]\s*[\"']?(?:(?:bearer|basic)\s+)?))[^\s\"',;&}]+"
)
IN_URL = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^/\s:@]*:)[^@\s/]+@")
HIDDEN = "***"


def configure(*, level: str, file: Path | None = None) -> None:
    """Log to `file` (0600, made if need be), or to stderr."""
    stream: TextIO = _open(file) if file is not None else sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in (
        "httpx",
        "httpcore",
        "urllib3",
        "keystoneauth",
        "openstack",
        "taskflow",
        "alembic",
        "stevedore",
    ):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of secret-looking keys, and secrets inside texts."""
    del logger, method
    for key, value in event.items():
        event[key] = HIDDEN if SECRET.search(key) and value is not None else _clean(value)
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return IN_URL.sub(rf"\g<1>{HIDDEN}@", IN_TEXT.sub(rf"\g<1>{HIDDEN}", value))
    if isinstance(value, Mapping):
        return {k: HIDDEN if SECRET.search(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return value


def _open(file: Path) -> TextIO:
    import os

    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", buffering=1)
