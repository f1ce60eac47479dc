"""Two labs never share a port, a directory, a tunnel address or a message server's name."""

from pathlib import Path

import pytest

from pumphouse.lab.layout import Layout, cache_dir, default_state_dir

SOCKET_PATH_MAX = 107


def test_no_port_is_given_twice() -> None:
    ports = list(Layout(Path("/a"), 20000).ports(4).values())
    assert len(ports) == len(set(ports))
    assert min(ports) >= 20000
    assert max(ports) < 20500


def test_labs_500_ports_apart_do_not_meet() -> None:
    one, two = Layout(Path("/a"), 20000), Layout(Path("/b"), 20500)
    assert not set(one.ports(4).values()) & set(two.ports(4).values())
    assert one.ram_dir != two.ram_dir
    assert one.tag != two.tag
    assert one.tunnel_address(0, 1) != two.tunnel_address(0, 1)


def test_tunnel_addresses_are_loopback() -> None:
    for base in (1024, 20000, 64000):
        parts = [int(part) for part in Layout(Path("/a"), base).tunnel_address(3, 250).split(".")]
        assert parts[0] == 127
        assert all(0 <= part <= 255 for part in parts)


def test_socket_paths_stay_short_however_deep_the_state_directory_is() -> None:
    layout = Layout(Path("/very" * 60))
    assert len(str(layout.mysql_socket)) < SOCKET_PATH_MAX
    assert len(str(layout.ovn_dir("a" * 20) / "northd.ctl")) < SOCKET_PATH_MAX


def test_the_volume_mount_is_named_as_the_nfs_driver_names_it() -> None:
    layout = Layout(Path("/lab"))
    assert layout.volume_mount("old").parent == Path("/lab/clouds/old/mnt")
    assert len(layout.volume_mount("old").name) == 32


def test_directories_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.delenv("PUMPHOUSE_LAB_DIR", raising=False)
    assert default_state_dir() == Path("/state/pumphouse/lab")
    assert cache_dir() == Path("/cache/pumphouse")
    monkeypatch.setenv("PUMPHOUSE_LAB_DIR", "/elsewhere")
    assert default_state_dir() == Path("/elsewhere")
