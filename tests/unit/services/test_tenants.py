"""Tenants of all environments at once; a fenced one is found also when its cloud has lost it."""

import threading

import pytest

from pumphouse.domain.errors import AmbiguousError, CloudFaultError, NotFoundError
from pumphouse.services.tenants import ResolvedTenant
from tests.fakes.bench import Bench
from tests.fakes.fencing import ACME, GLOBEX, SLASH, toy_fence


def test_environments_are_asked_at_the_same_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2, timeout=5)
    for tenants in bench.tenants.values():
        answer = tenants._answer
        monkeypatch.setattr(tenants, "tenants", lambda answer=answer: [together.wait(), answer()][:0])
    assert bench.services.tenants.list().tenants == []


def test_a_deleted_tenant_is_still_resolved_by_its_fence(bench: Bench) -> None:
    bench.stores.put_fence(toy_fence(bench.clock.now()))
    bench.tenants["old"].known = []
    for name in (ACME, "acme", "default:acme"):
        assert bench.services.tenants.resolve("old", name) == ResolvedTenant("old", ACME, "acme")
    with pytest.raises(NotFoundError, match="'old/globex'") as caught:
        bench.services.tenants.resolve("old", "globex")
    assert caught.value.hint == "old has no tenant yet"


def test_what_a_silent_cloud_has_without_a_fence_is_not_guessed(bench: Bench) -> None:
    bench.tenants["old"].silent = True
    with pytest.raises(CloudFaultError):
        bench.services.tenants.resolve("old", "acme")


def test_two_fenced_tenants_of_one_name_are_told_apart_by_id(bench: Bench) -> None:
    bench.tenants["old"].known = []
    now = bench.clock.now()
    bench.stores.put_fence(toy_fence(now))
    bench.stores.put_fence(toy_fence(now, SLASH, tenant_name="acme"))
    with pytest.raises(AmbiguousError) as caught:
        bench.services.tenants.resolve("old", "acme")
    assert ACME in caught.value.hint
    assert SLASH in caught.value.hint
    assert bench.services.tenants.resolve("old", "d2:acme") == ResolvedTenant("old", SLASH, "acme")


def test_the_cloud_is_believed_first(bench: Bench) -> None:
    """A fence of a deleted tenant does not catch the name of one that was made since."""
    bench.stores.put_fence(toy_fence(bench.clock.now(), GLOBEX, tenant_name="acme"))
    assert bench.services.tenants.resolve("old", "acme") == ResolvedTenant("old", ACME, "acme")
