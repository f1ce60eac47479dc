"""Discovery takes its time: what an operator sets meanwhile must not be undone by it."""

from collections.abc import Callable
from typing import Any

import pytest

from pumphouse.domain.environment import AccessCheck, Environment
from pumphouse.domain.errors import CloudFaultError, CredentialsError
from tests.fakes.bench import Bench

NEW = {"install": ["/new/install"]}


def meanwhile(bench: Bench, answer: Callable[[], Any]) -> Callable[[], Any]:
    """A cloud that answers after an operator has set the deployer."""

    def asked() -> Any:
        bench.services.environments.change("old", deployer="command", deployer_options=NEW)
        return answer()

    return asked


def refuse(error: Exception) -> Any:
    raise error


def was_kept(environment: Environment) -> bool:
    return environment.deployer == "command" and environment.deployer_options == NEW


def test_a_refresh_writes_only_what_it_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.clouds["old"], "facts", meanwhile(bench, lambda: {"release": "2026.2"}))
    found = bench.services.environments.refresh("old")
    assert found == bench.stores.environment("old")
    assert (found.status, found.facts) == ("ok", {"release": "2026.2"})
    assert was_kept(found)


@pytest.mark.parametrize(
    ("error", "status"),
    [(CloudFaultError("down"), "unreachable"), (CredentialsError("no"), "refused")],
)
def test_a_refresh_that_fails_writes_only_the_status(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception, status: str
) -> None:
    before = bench.stores.environment("old")
    monkeypatch.setattr(bench.clouds["old"], "facts", meanwhile(bench, lambda: refuse(error)))
    with pytest.raises(type(error)):
        bench.services.environments.refresh("old")
    after = bench.stores.environment("old")
    assert (after.status, after.facts, after.facts_at) == (status, before.facts, before.facts_at)
    assert was_kept(after)


def test_a_check_writes_only_the_status(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [AccessCheck("compute", "http://fake", ok=False, detail="no")]
    monkeypatch.setattr(bench.clouds["old"], "check", meanwhile(bench, lambda: checks))
    checked, _ = bench.services.environments.check("old")
    assert checked == bench.stores.environment("old")
    assert checked.status == "degraded"
    assert was_kept(checked)


def test_a_change_leaves_what_was_found_meanwhile(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    environments = bench.services.environments
    monkeypatch.setattr(bench.clouds["old"], "facts", lambda: {"release": "newer"})
    monkeypatch.setattr(environments, "_try_deployer", lambda _environment: environments.refresh("old"))
    changed = environments.change("old", deployer="command", deployer_options=NEW)
    assert changed.facts == {"release": "newer"}
    assert was_kept(changed)
