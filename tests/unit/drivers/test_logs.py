"""No secret reaches the log."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pumphouse.drivers import logs


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    before, level, settings = root.handlers[:], root.level, structlog.get_config()
    path = tmp_path / "state" / "log"
    logs.configure(level="debug", file=path)
    yield path
    for handler in root.handlers:
        if type(handler) is logging.StreamHandler:  # not those of pytest
            handler.stream.close()
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**settings)


def test_secrets_are_taken_out_wherever_they_are(log_file: Path) -> None:
    log = structlog.get_logger("t")
    log.info(
        "a",
        token="hunter2",
        user_password="hunter2",
        data={"auth": {"password": "hunter2"}, "list": ["secret=hunter2"]},
    )
    log.warning(
        "b", header="Authorization: Bearer hunter2", url="mysql://me:hunter2@db/x", text="token=hunter2&x=1"
    )
    logging.getLogger("other").error("failed with password='hunter2'")
    text = log_file.read_text()
    assert "hunter2" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines][:2] == ["a", "b"]
    assert lines[0]["token"] == "***"
    assert lines[1]["url"] == "mysql://me:***@db/x"
    assert lines[1]["text"].endswith("&x=1")
    assert log_file.stat().st_mode & 0o777 == 0o600


def test_what_is_no_secret_stays(log_file: Path) -> None:
    structlog.get_logger("t").info("moved", server="web-1", seconds=3.5, url="http://127.0.0.1:5000/v3")
    line = json.loads(log_file.read_text())
    assert (line["server"], line["seconds"], line["url"]) == ("web-1", 3.5, "http://127.0.0.1:5000/v3")
