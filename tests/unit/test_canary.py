"""A canary in every input that may hold a secret: it must not sing on stdout, on stderr, in an answer of the API or in the database."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from pumphouse import config, main
from pumphouse.api.problems import problem_of
from pumphouse.cli import failures
from pumphouse.cli.address import parse_options
from pumphouse.client.transport import InProcessTransport
from pumphouse.domain.environment import AccessCheck, CloudAccess, Environment
from pumphouse.domain.errors import CloudFaultError, InvalidInputError, PumphouseError
from pumphouse.drivers.deployers.command import options as command
from pumphouse.drivers.deployers.lab.driver import LabDeployer
from pumphouse.drivers.openstack.access import load_entry
from pumphouse.drivers.openstack.discovery import Discovery
from pumphouse.ports.deployer import NodeDeployState
from pumphouse.workflows.parameters import Parameters
from tests.fakes.bench import Bench, bench_in
from tests.fakes.clock import START, FakeClock
from tests.unit.cli.typing_person import Person

CANARY = "c4n4ry-Tw33t"
LOGIN = f"http://u:{CANARY}@host"
SCRIPT = ["/bin/true"]
NEEDED: dict[str, Any] = {"take_down": SCRIPT, "install": SCRIPT, "state": SCRIPT}


def lab(options: dict[str, Any]) -> None:
    LabDeployer(Environment("1", "old", CloudAccess("old"), "lab", {}, START), options)


def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    monkeypatch.setenv("PUMPHOUSE_CONFIG", str(tmp_path / "c.toml"))
    config.load()


def variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    config.load()


def clouds_yaml(tmp_path: Path, entry: dict[str, Any]) -> None:
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"x": entry}}))
    load_entry("x", str(tmp_path / "clouds.yaml"))


def plan(params: dict[str, Any]) -> None:
    Parameters(params).end()


def auth(**values: str) -> dict[str, Any]:
    return {
        "auth": {"auth_url": "http://h", "username": "u", "password": CANARY, "project_name": "p", **values}
    }


Act = Callable[[Path, pytest.MonkeyPatch], None]
WRONG: dict[str, Act] = {
    "option without =": lambda t, m: void(parse_options([CANARY])),
    "lab, unknown option": lambda t, m: lab({"password": CANARY}),
    "lab, unknown plain option": lambda t, m: lab({"pw": [CANARY]}),
    "lab, wrong option": lambda t, m: lab({"state_dir": {"x": CANARY}}),
    "command, unknown option": lambda t, m: void(command.parse_options({**NEEDED, "site": CANARY})),
    "command, a script as a text": lambda t, m: void(command.parse_options({**NEEDED, "state": CANARY})),
    "command, a number among arguments": lambda t, m: void(
        command.parse_options({**NEEDED, "state": [CANARY, 8]})
    ),
    "command, an unknown role": lambda t, m: void(command.parse_options({**NEEDED, "roles": [CANARY]})),
    "command, wrong env": lambda t, m: void(
        command.parse_options({**NEEDED, "env": {"A": {"x": CANARY}}})
    ),
    "command, env as a text": lambda t, m: void(command.parse_options({**NEEDED, "env": CANARY})),
    "command, wrong seconds": lambda t, m: void(command.parse_options({**NEEDED, "timeout_s": CANARY})),
    "command, wrong pass_env": lambda t, m: void(command.parse_options({**NEEDED, "pass_env": [f"-{CANARY}"]})),
    "unknown setting": lambda t, m: toml(t, m, f'tokken = "{CANARY}"'),
    "unknown table": lambda t, m: toml(t, m, f'[tokenz]\nname = "{CANARY}"'),
    "unknown part of a token": lambda t, m: toml(t, m, f'[[tokens]]\nname = "x"\ntext = "{CANARY}"'),
    "server with a login": lambda t, m: variable(m, "PUMPHOUSE_SERVER", f"ftp://u:{CANARY}@host"),
    "server with a login, no scheme": lambda t, m: variable(m, "PUMPHOUSE_SERVER", f"u:{CANARY}@host"),
    "server with a login, mistyped": lambda t, m: variable(m, "PUMPHOUSE_SERVER", f"http//u:{CANARY}@host"),
    "server with an odd password": lambda t, m: variable(m, "PUMPHOUSE_SERVER", f"htp://u:a/b @{CANARY}@host"),
    "server with a token": lambda t, m: variable(m, "PUMPHOUSE_SERVER", f"ftp://host/?token={CANARY}"),
    "webhook": lambda t, m: variable(m, "PUMPHOUSE_WEBHOOK_URL", f"ftp://{CANARY}"),
    "database": lambda t, m: variable(m, "PUMPHOUSE_DATABASE_URL", f"oracle://u:{CANARY}@db/x"),
    "auth_url": lambda t, m: clouds_yaml(t, auth(auth_url=f"ftp://u:{CANARY}@host")),
    "auth_url without a scheme": lambda t, m: clouds_yaml(t, auth(auth_url=f"u:{CANARY}@host")),
    "auth as a text": lambda t, m: clouds_yaml(t, {"auth": CANARY}),
    "no project": lambda t, m: clouds_yaml(t, auth(project_name="")),
    "unknown parameter": lambda t, m: plan({"password": CANARY}),
    "any driver's error": lambda t, m: fail(CloudFaultError(f"{LOGIN}/v3 does not answer", hint=f"try {LOGIN}")),
    "any field that sounds like one": lambda t, m: fail(InvalidInputError("a.api_key", CANARY, "is wrong")),
    "any mapping": lambda t, m: fail(InvalidInputError("things", {"a": CANARY}, "is wrong")),
}  # fmt: skip


def void(_: object) -> None:
    """For a call whose answer is not wanted."""


def fail(error: PumphouseError) -> None:
    raise error


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    for name in ("PUMPHOUSE_SERVER", "PUMPHOUSE_CONFIG", "PUMPHOUSE_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("act", WRONG.values(), ids=WRONG)
def test_no_error_repeats_a_secret(
    act: Act, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PumphouseError) as caught:
        act(tmp_path, monkeypatch)
    failures.tell(caught.value, debug=True)  # with those that it came from
    printed = capsys.readouterr()
    body = problem_of(caught.value).model_dump_json()
    assert caught.value.message in printed.err
    assert CANARY not in printed.out + printed.err + body + repr(caught.value) + repr(vars(caught.value))


def test_a_hidden_value_is_told_by_its_kind_and_length() -> None:
    with pytest.raises(InvalidInputError) as caught:
        lab({"pw": CANARY})
    assert "deployer_options.pw (a text of 12 characters)" in caught.value.message
    with pytest.raises(InvalidInputError, match="'ftp://\\*\\*\\*@host'"):
        config.load(server=f"ftp://u:{CANARY}@host")


def test_what_is_no_secret_is_still_repeated() -> None:
    with pytest.raises(InvalidInputError, match="'localhost:80'"):
        config.load(server="localhost:80")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as made:
        yield made


SECRETS: dict[str, Any] = {
    "password": CANARY,
    "env": {"SITE_TOKEN": CANARY, "RACK": "7"},
    "options": {"deep": [{"passphrase": CANARY, "credentials": {"user": "u", "pw": CANARY}}], "api_key": 12},
    "install": ["/opt/install", "--password", CANARY, f"--token={CANARY}", LOGIN, "--fast"],
    "pass_env": ["SITE_TOKEN"],
    "key_file": "/etc/site/key",
}
SHOWN: dict[str, Any] = {
    "password": "***",
    "env": {"SITE_TOKEN": "***", "RACK": "7"},
    "options": {"deep": [{"passphrase": "***", "credentials": {"user": "***", "pw": "***"}}], "api_key": "***"},
    "install": ["/opt/install", "--password", "***", "***", "***", "--fast"],
    "pass_env": ["SITE_TOKEN"],
    "key_file": "/etc/site/key",
}  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ("env", "show", "old"),
        ("env", "show", "old", "-o", "json"),
        ("env", "show", "old", "-o", "yaml"),
        ("env", "list", "-o", "json"),
        ("env", "check", "old"),
        ("env", "check", "old", "-o", "json"),
        ("env", "set", "old", "--option", CANARY),
        ("env", "set", "old", "--option", f"token={CANARY}"),
        ("env", "set", "old", "--option", f"install={LOGIN}"),
        ("env", "add", "x", "--cloud", "old", "--option", f"{CANARY}"),
    ],
)
def test_the_command_line_shows_no_secret(
    bench: Bench, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.services.environments.change("old", deployer=None, deployer_options=SECRETS)
    checks = [AccessCheck("compute", LOGIN, ok=False, detail=f"{LOGIN} refused", hint=f"see {LOGIN}")]
    monkeypatch.setattr(bench.clouds["old"], "check", lambda: checks)
    typed = Person(bench)(*words)
    assert typed.output
    assert CANARY not in typed.stdout + typed.stderr


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/environments", None, 200),
        ("GET", "/v1/environments/old", None, 200),
        ("PATCH", "/v1/environments/old", {"deployer_options": {"token": CANARY}}, 200),
        ("PATCH", "/v1/environments/old", {"deployer_options": CANARY}, 422),
        ("PATCH", "/v1/environments/old", {"password": CANARY}, 422),
        ("PATCH", "/v1/environments/old", {"pw": 0, "x": {"y": CANARY}}, 422),
        ("POST", "/v1/environments", {"name": "x", "cloud": "old", "secret": CANARY}, 422),
        ("POST", "/v1/environments", {"name": LOGIN, "cloud": "old"}, 422),
        ("POST", "/v1/environments", {"name": "x", "cloud": LOGIN}, 422),
        ("POST", "/v1/plans", {"kind": "evacuate_node", "token": CANARY}, 422),
    ],
)
def test_the_api_answers_no_secret(bench: Bench, method: str, path: str, body: Any, status: int) -> None:
    bench.services.environments.change("old", deployer=None, deployer_options=SECRETS)
    with httpx.Client(transport=InProcessTransport(bench.app()), base_url="http://t") as http:
        answer = http.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert CANARY not in answer.text


def test_options_are_shown_without_their_secrets(bench: Bench) -> None:
    bench.services.environments.change("old", deployer=None, deployer_options=SECRETS)
    assert Person(bench).json("env", "show", "old")["deployer_options"] == SHOWN


@pytest.mark.parametrize("value", ["***", {"a": ["***"]}, {"$sealed": "mine"}])
def test_the_mask_cannot_be_written_back(bench: Bench, value: Any) -> None:
    with pytest.raises(InvalidInputError, match="stands for a value"):
        bench.services.environments.change("old", deployer=None, deployer_options={"password": value})


def test_a_refused_cloud_tells_no_login() -> None:
    def refuse() -> None:
        raise CloudFaultError("it does not answer")

    transport: Any = SimpleNamespace(catalog=refuse, settings=SimpleNamespace(auth={"auth_url": LOGIN}))
    unused: Any = None
    checks = Discovery(transport, unused, unused, FakeClock()).check()
    assert [c.endpoint for c in checks] == ["http://***@host"]


def test_secrets_of_options_are_sealed_in_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUMPHOUSE_STATE_DIR", str(tmp_path / "state"))
    asks = f"""[ "$SITE_PASSWORD" = "{CANARY[:-1]}${{T:-t}}" ] && echo '{{"state": "installed"}}'"""
    options = {**NEEDED, "state": ["/bin/sh", "-c", asks], "env": {"SITE_PASSWORD": CANARY, "RACK": "7"}}
    application = main.build_application(config.load())
    try:
        stores, environments = application.stores, application.services.environments
        # as an earlier version has stored it
        stores.add_environment(Environment("1", "old", CloudAccess("old"), "command", options, START))
        assert application.tools.deployer("old").state("n") is NodeDeployState.INSTALLED
        changed = environments.change("old", deployer=None, deployer_options={"timeout_s": 60})
        assert changed.deployer_options["env"]["RACK"] == "7"
        assert list(changed.deployer_options["env"]["SITE_PASSWORD"]) == ["$sealed"]
        assert application.tools.deployer("old").state("n") is NodeDeployState.INSTALLED
        again = environments.change("old", deployer=None, deployer_options={"timeout_s": 61})
        assert again.deployer_options["env"] == changed.deployer_options["env"], "sealed only once"
        assert CANARY not in json.dumps(dict(stores.environment("old").deployer_options))
    finally:
        application.close()


def test_a_new_environment_leaves_no_secret_in_the_files(tmp_path: Path, bench: Bench) -> None:
    bench.services.environments.change("old", deployer=None, deployer_options=SECRETS)
    written = b"".join(file.read_bytes() for file in tmp_path.glob("bench.db*"))
    assert b"RACK" in written
    assert CANARY.encode() not in written
