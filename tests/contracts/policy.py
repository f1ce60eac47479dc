"""The contract of a policy host as tests: subclass `PolicyHostContract` and give it a `host` with the service nova; see rule R14."""

import threading

import pytest

from pumphouse.domain.errors import ConflictError, InvalidInputError, PumphouseError
from pumphouse.ports.policy import Persona, PolicyHost

TENANT = "a" * 32
PERSONAS = [Persona("member", ("member", "reader"), TENANT), Persona("admin", ("admin",), TENANT)]


def text_for(host: PolicyHost, who: str = TENANT) -> str:
    """A valid override that closes every writing rule to a tenant."""
    from pumphouse.workflows.lock_tenant.overrides import FencedTenant, override_text

    return override_text(host.view("nova"), [FencedTenant(who, f"name-{who[:1]}", "default")])


class PolicyHostContract:
    """Every host passes these, on a service without a file of ours."""

    @pytest.fixture
    def host(self) -> PolicyHost:
        raise pytest.UsageError("a subclass gives the host")

    def test_tells_its_services_and_what_they_enforce(self, host: PolicyHost) -> None:
        assert "nova" in host.services()
        view = host.view("nova")
        assert view.service == "nova"
        assert view.rules
        assert len({rule.name for rule in view.rules}) == len(view.rules)
        assert all(len(rule.methods) == len(rule.paths) for rule in view.rules)
        assert view.ours == ""
        assert view.version == host.view("nova").version
        assert view.where

    def test_an_unknown_service_is_refused_with_our_error(self, host: PolicyHost) -> None:
        with pytest.raises(PumphouseError):
            host.view("no-such-service")

    def test_a_text_is_written_read_replaced_and_removed(self, host: PolicyHost) -> None:
        first = host.view("nova").version
        text, other = text_for(host), text_for(host, "b" * 32)
        second = host.write("nova", text, expected=first)
        assert (host.view("nova").ours, host.view("nova").version) == (text, second)
        third = host.write("nova", other, expected=second)
        assert host.view("nova").ours == other
        assert len({first, second, third}) == 3
        assert host.write("nova", "", expected=third) == first
        assert host.view("nova").ours == ""

    def test_writing_again_what_is_there_is_no_conflict(self, host: PolicyHost) -> None:
        """A repeat after a crash does not know whether it was written."""
        first, text = host.view("nova").version, text_for(host)
        second = host.write("nova", text, expected=first)
        assert host.write("nova", text, expected=first) == second
        host.write("nova", "", expected=second)
        assert host.write("nova", "", expected=second) == first

    def test_a_write_over_something_else_than_expected_is_a_conflict(self, host: PolicyHost) -> None:
        first = host.view("nova").version
        text = text_for(host)
        host.write("nova", text, expected=first)
        with pytest.raises(ConflictError):
            host.write("nova", text_for(host, "b" * 32), expected=first)
        with pytest.raises(ConflictError):
            host.write("nova", "", expected=first)
        assert host.view("nova").ours == text

    @pytest.mark.parametrize("text", ["{not: [yaml", "just words"])
    def test_an_invalid_text_is_refused_and_changes_nothing(self, host: PolicyHost, text: str) -> None:
        before = host.view("nova")
        with pytest.raises(InvalidInputError):
            host.write("nova", text, expected=before.version)
        with pytest.raises(InvalidInputError):
            host.judge("nova", PERSONAS, text)
        assert host.view("nova").version == before.version

    def test_judges_every_rule_for_every_persona_without_writing(self, host: PolicyHost) -> None:
        rules = {rule.name for rule in host.view("nova").rules}
        now = host.judge("nova", PERSONAS)
        fenced = host.judge("nova", PERSONAS, text_for(host))
        assert all(set(found[p.name]) == rules for found in (now, fenced) for p in PERSONAS)
        assert sum(fenced["member"].values()) < sum(now["member"].values())
        assert fenced["admin"] == now["admin"]
        assert host.view("nova").ours == ""

    def test_a_look_sees_what_view_and_judge_see(self, host: PolicyHost) -> None:
        view, passes = host.look("nova", PERSONAS)
        assert view == host.view("nova") == host.recent_view("nova")
        assert passes == host.judge("nova", PERSONAS)

    def test_of_two_writers_one_is_told_to_read_again(self, host: PolicyHost) -> None:
        first = host.view("nova").version
        texts = [text_for(host, c * 32) for c in "bcd"]
        ended: list[str] = []

        def write(text: str) -> None:
            try:
                ended.append(host.write("nova", text, expected=first))
            except ConflictError:
                ended.append("conflict")

        writers = [threading.Thread(target=write, args=(text,)) for text in texts]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert ended.count("conflict") == 2
        assert host.view("nova").version in ended
