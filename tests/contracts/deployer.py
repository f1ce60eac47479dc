"""The contract of a deployer as tests: subclass `DeployerContract`, give it a `site`, and each rule of docs/contracts/deployer.md is tried."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pumphouse.domain.errors import DeployerError, InvalidInputError, PumphouseError
from pumphouse.domain.settings import EnvironmentSpec
from pumphouse.ports.deployer import Capabilities, Deployer, NodeDeployState, Role


@dataclass
class Site:
    """A place to try a deployer at.

    `installed` is a node that the deployer has in its environment when a test begins, `unknown` one that it has never heard of.
    `make` makes a second driver of the same site, as a process does that comes after a crash. `forget` does what the caller does between
    taking a node down and installing it again: the control plane's records go away.
    """

    deployer: Deployer
    installed: str
    unknown: str
    make: Callable[[], Deployer]
    forget: Callable[[str], None] = lambda node: None


class DeployerContract:
    """Every driver passes these; each test's name ends with the number of its rule."""

    @pytest.fixture
    def site(self) -> Site:
        raise pytest.UsageError("a subclass gives the site")

    def test_tells_what_it_can_without_touching_anything_r1(self, site: Site) -> None:
        told = site.deployer.capabilities()
        assert isinstance(told, Capabilities)
        assert told.name
        assert told.contract_version == 1
        assert told.roles
        assert told == site.make().capabilities()

    def test_validate_has_nothing_against_an_installed_node_and_changes_nothing_r2(self, site: Site) -> None:
        role = min(site.deployer.capabilities().roles)
        assert site.deployer.validate(site.installed, role) == []
        assert site.deployer.validate(site.unknown, role) == []
        assert site.deployer.state(site.installed) is NodeDeployState.INSTALLED
        assert site.deployer.state(site.unknown) is NodeDeployState.ABSENT

    def test_validate_tells_why_a_role_is_refused_r2(self, site: Site) -> None:
        for role in set(Role) - site.deployer.capabilities().roles:
            reasons = site.deployer.validate(site.installed, role)
            assert reasons
            assert all(isinstance(r, str) and r for r in reasons)

    def test_states_of_known_and_unknown_nodes_r3(self, site: Site) -> None:
        assert site.deployer.state(site.installed) is NodeDeployState.INSTALLED
        assert site.deployer.state(site.unknown) is NodeDeployState.ABSENT

    def test_taking_down_an_absent_node_is_no_error_r4(self, site: Site) -> None:
        site.deployer.take_down(site.unknown, lambda line: None)
        assert site.deployer.state(site.unknown) is NodeDeployState.ABSENT

    def test_installing_an_installed_node_is_no_error_r5(self, site: Site) -> None:
        role = min(site.deployer.capabilities().roles)
        site.deployer.install(site.installed, role, lambda line: None)
        assert site.deployer.state(site.installed) is NodeDeployState.INSTALLED

    def test_installing_an_unknown_role_is_refused_with_our_error_r5(self, site: Site) -> None:
        for role in set(Role) - site.deployer.capabilities().roles:
            with pytest.raises(PumphouseError) as caught:
                site.deployer.install(site.unknown, role, lambda line: None)
            assert isinstance(caught.value, DeployerError | InvalidInputError)
            assert site.deployer.state(site.unknown) is NodeDeployState.ABSENT

    def test_down_and_back_with_progress_also_by_another_process_r4_r5_r6_r7(self, site: Site) -> None:
        told = site.deployer.capabilities()
        if not (told.can_take_down and told.can_install and told.reinstalls_removed):
            pytest.skip("it says that it cannot install again what it took down")
        role = min(told.roles)
        lines: list[str] = []
        site.deployer.take_down(site.installed, lines.append)
        assert lines, "somebody waits: a line at least"
        assert all(isinstance(line, str) and "\n" not in line for line in lines)
        # what a process sees that comes after a crash, and its repeated call
        second = site.make()
        assert second.state(site.installed) is NodeDeployState.ABSENT
        second.take_down(site.installed, lines.append)
        site.deployer.unregister(site.installed)
        site.deployer.unregister(site.installed)
        site.forget(site.installed)
        second.install(site.installed, role, lines.append)
        assert site.deployer.state(site.installed) is NodeDeployState.INSTALLED
        site.deployer.install(site.installed, role, lines.append)
        site.deployer.register(site.installed)
        site.deployer.register(site.installed)
        assert site.make().state(site.installed) is NodeDeployState.INSTALLED

    def test_registering_is_harmless_r7(self, site: Site) -> None:
        site.deployer.unregister(site.unknown)
        site.deployer.register(site.installed)

    def test_settings_have_a_value_and_a_source_each_r15(self, site: Site) -> None:
        for key, (value, source) in site.deployer.settings().items():
            assert "." in key
            assert source, f"{key} comes from somewhere"
            json.dumps(value)

    def test_what_can_be_set_is_told_per_release_in_words_r15(self, site: Site) -> None:
        for release in site.deployer.releases():
            assert all(key and words for key, words in site.deployer.settable(release).items())
        assert site.deployer.settable("no release") == {}

    def test_a_deployer_that_builds_none_says_so_r16(self, site: Site) -> None:
        if site.deployer.releases():
            pytest.skip("it builds environments")
        with pytest.raises(DeployerError) as caught:
            site.deployer.build(EnvironmentSpec("built-by-test", "2026.2"), lambda line: None)
        assert caught.value.hint
        assert site.deployer.built("built-by-test") is None

    def test_building_and_razing_also_by_another_process_r16_r17(self, site: Site) -> None:
        releases = site.deployer.releases()
        if not releases:
            pytest.skip("it builds no environments")
        lines: list[str] = []
        spec = EnvironmentSpec("built-by-test", releases[-1])
        site.deployer.raze(spec.name, lines.append)
        assert site.deployer.built(spec.name) is None
        try:
            access = site.deployer.build(spec, lines.append)
            assert access.cloud == spec.name
            assert access.config_file or access.sealed
            assert lines
            assert all(isinstance(line, str) and "\n" not in line for line in lines)
            second = site.make()
            assert second.built(spec.name) == spec
            assert second.build(spec, lines.append) == access
        finally:
            site.make().raze(spec.name, lines.append)
        assert site.deployer.built(spec.name) is None
        site.deployer.raze(spec.name, lines.append)
        assert site.deployer.state(site.installed) is NodeDeployState.INSTALLED

    def test_building_refuses_what_it_cannot_set_and_names_it_r16(self, site: Site) -> None:
        releases = site.deployer.releases()
        if not releases:
            pytest.skip("it builds no environments")
        spec = EnvironmentSpec("built-by-test", releases[-1], {"network.no_such_key": 1})
        with pytest.raises(InvalidInputError, match=r"network\.no_such_key"):
            site.deployer.build(spec, lambda line: None)
        with pytest.raises(PumphouseError):
            site.deployer.build(EnvironmentSpec("built-by-test", "no release"), lambda line: None)
        assert site.deployer.built("built-by-test") is None

    def test_what_it_has_not_built_is_not_razed_r17(self, site: Site) -> None:
        assert site.deployer.built(site.installed) is None
        site.deployer.raze(site.installed, lambda line: None)
        assert site.deployer.state(site.installed) is NodeDeployState.INSTALLED
