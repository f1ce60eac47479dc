"""What can be chosen for a cloud: checked with the key named, defaults as the templates have them, every choice in the right file."""

import configparser
from pathlib import Path
from typing import Any

import pytest

from pumphouse.drivers.deployers.lab.settings import read_settings
from pumphouse.lab import options
from pumphouse.lab.choices import DEFAULTS, Backend, Choices, read_choices, settable
from pumphouse.lab.configuration import SERVICES, Configuration
from pumphouse.lab.errors import LabConfigurationError
from pumphouse.lab.layout import Layout
from pumphouse.lab.passwords import CloudPasswords
from pumphouse.lab.release import load_release

PASSWORDS = CloudPasswords("admin-secret", "service-secret", "rabbit-secret")
CHOSEN: dict[str, Any] = {
    "network.tenant_types": ["vlan", "geneve"],
    "network.mtu": 9000,
    "network.segmentation.geneve.range": {"minimum": 5000, "maximum": 5999},
    "network.segmentation.vlan.ranges": [{"physical_network": "dc1", "minimum": 1200, "maximum": 1299}],
    "storage.cinder.backends": [
        {"name": "nfs", "type": "nfs"},
        {"name": "virtuozzo", "type": "vzstorage"},
    ],
    "storage.cinder.default_type": "virtuozzo",
    "storage.glance.stores": [{"id": "fast", "type": "file"}, {"id": "web", "type": "http"}],
    "compute.cpu_allocation_ratio": 7.5,
    "quota.nova.cores": 77,
    "quota.cinder.volumes": 44,
    "quota.cinder.per_volume_gigabytes": 500,
    "quota.neutron.network": 55,
}


def configured(path: Path, chosen: dict[str, Any] | None) -> Configuration:
    choices = Choices(chosen) if chosen is not None else None
    return Configuration(
        Layout(path / "lab", 22000), PASSWORDS, load_release("2026.2"), path / "venv", "c", 2, choices
    )


def parse(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(text)
    return parser


def read(configuration: Configuration) -> dict[str, Any]:
    configuration.write()
    return {key: value for key, (value, _) in read_settings(configuration.file, "2026.2").items()}


def test_without_choices_every_file_is_the_template_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "lab", 22000)
    for service in (*SERVICES, "nova-compute"):
        assert options.sections(layout, "c", Choices({}), service) == {}


def test_the_defaults_are_what_the_templates_say(tmp_path: Path) -> None:
    told = read(configured(tmp_path, None))
    assert {key: told[key] for key in DEFAULTS if key in told} == {
        key: value
        for key, value in DEFAULTS.items()
        if key != "network.physical_networks"  # told by the mappings that the lab gives each chassis
    }


def test_what_was_chosen_is_read_from_the_files_again(tmp_path: Path) -> None:
    told = read(configured(tmp_path, CHOSEN))
    for key, value in CHOSEN.items():
        if not key.startswith("quota."):
            assert told[key] == value, key
    assert told["storage.glance.default_store"] == "fast"


def test_quotas_stand_under_the_services_own_names(tmp_path: Path) -> None:
    configuration = configured(tmp_path, CHOSEN)
    assert parse(configuration.render("nova"))["quota"]["cores"] == "77"
    cinder = parse(configuration.render("cinder"))["DEFAULT"]
    assert (cinder["quota_volumes"], cinder["per_volume_size_limit"]) == ("44", "500")
    assert parse(configuration.render("neutron"))["quotas"]["quota_network"] == "55"


def test_a_node_gets_the_ratios_that_were_chosen(tmp_path: Path) -> None:
    node = parse(configured(tmp_path, CHOSEN).write_node("node-1").read_text())
    assert node["DEFAULT"]["cpu_allocation_ratio"] == "7.5"
    assert "ram_allocation_ratio" not in node["DEFAULT"]


def test_each_backend_has_its_own_share_and_the_first_cloud_keeps_todays(tmp_path: Path) -> None:
    layout = Layout(tmp_path, 22000)
    own, other = Backend("nfs", "nfs"), Backend("slow", "nfs")
    assert options.share(layout, "c", own) == layout.volume_share("c")
    assert options.mount_point(layout, "c", own) == layout.volume_mount("c")
    assert options.share(layout, "c", other) != options.share(layout, "c", own)
    assert options.mount_point(layout, "c", other) != options.mount_point(layout, "c", own)
    assert options.share_line(layout, "c", Backend("vz", "vzstorage")) == "vz []"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network.tenant_types", []),
        ("network.tenant_types", ["vxlan"]),
        ("network.tenant_types", ["vlan", "vlan"]),
        ("network.tenant_types", "vlan"),
        ("network.mtu", 100),
        ("network.mtu", True),
        ("network.mtu", "9000"),
        ("network.segmentation.geneve.range", {"minimum": 9, "maximum": 3}),
        ("network.segmentation.geneve.range", "1:5"),
        ("network.segmentation.vlan.ranges", [{"physical_network": "p", "minimum": 1, "maximum": 4095}]),
        ("network.segmentation.vlan.ranges", [{"physical_network": "a\nb", "minimum": 1, "maximum": 9}]),
        ("network.physical_networks", ["physnet1"]),
        ("storage.cinder.backends", [{"name": "x", "type": "ceph"}]),
        ("storage.cinder.backends", [{"name": "x", "type": "nfs"}, {"name": "x", "type": "vzstorage"}]),
        ("storage.cinder.backends", [{"name": "../x", "type": "nfs"}]),
        ("storage.cinder.default_type", "gold"),
        ("storage.glance.stores", [{"id": "glance", "type": "file"}]),
        ("storage.glance.default_store", "nowhere"),
        ("compute.cpu_allocation_ratio", 0),
        ("quota.nova.cores", -2),
        ("quota.nova.cores", 1.5),
        ("quota.nova.elephants", 3),
        ("network.colour", "red"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key_and_a_remedy(key: str, value: Any) -> None:
    with pytest.raises(LabConfigurationError) as caught:
        Choices({key: value})
    assert caught.value.field == key
    assert caught.value.hint


def test_a_cloud_with_web_images_only_is_refused() -> None:
    with pytest.raises(LabConfigurationError, match="written to"):
        Choices({"storage.glance.stores": [{"id": "web", "type": "http"}]})


def test_ranges_must_lie_on_the_clouds_own_physical_networks() -> None:
    ranges = [{"physical_network": "dc9", "minimum": 1, "maximum": 9}]
    assert Choices({"network.segmentation.vlan.ranges": ranges}).physical_networks == ("dc9", "public")
    with pytest.raises(LabConfigurationError, match="dc9"):
        Choices(
            {
                "network.segmentation.vlan.ranges": ranges,
                "network.physical_networks": ["physnet1", "public"],
            }
        )


def test_toml_yaml_nested_dotted_and_assignments_say_the_same(tmp_path: Path) -> None:
    toml, nested = tmp_path / "c.toml", tmp_path / "c.yaml"
    toml.write_text(
        '[network]\nmtu = 9000\n"tenant_types" = ["vlan"]\n'
        "[network.segmentation.geneve.range]\nminimum = 1\nmaximum = 9\n[quota.nova]\ncores = 1\n"
    )
    nested.write_text(
        "network.mtu: 9000\nnetwork: {tenant_types: [vlan], segmentation: {geneve: {range: {minimum: 1, maximum: 9}}}}\n"
        "quota.nova.cores: 1\n"
    )
    assert read_choices(toml) == read_choices(nested)
    assert Choices(read_choices(toml)).given == Choices(read_choices(nested)).given
    over = read_choices(toml, ["network.mtu=1400", "network.tenant_types=[geneve]"])
    assert (over["network.mtu"], over["network.tenant_types"]) == (1400, ["geneve"])


@pytest.mark.parametrize("text", ["network.mtu", "network.mtu={"])
def test_an_assignment_of_another_form_is_told(text: str) -> None:
    with pytest.raises(LabConfigurationError, match="--set"):
        read_choices(None, [text])


@pytest.mark.parametrize(("name", "text"), [("a.toml", "= 3"), ("a.yaml", "[1, 2]"), ("none.toml", None)])
def test_a_file_that_is_none_is_told(tmp_path: Path, name: str, text: str | None) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(LabConfigurationError, match="--settings"):
        read_choices(tmp_path / name)


def test_every_key_that_is_told_is_taken(tmp_path: Path) -> None:
    assert set(DEFAULTS) <= set(settable())
    assert not [key for key in settable() if not _refuses(key)]


def _refuses(key: str) -> bool:
    """A key that is known says what it takes; an unknown one lists the keys."""
    with pytest.raises(LabConfigurationError) as caught:
        Choices({key: object()})
    return caught.value.hint.startswith("It takes")
