"""The toolbox makes the transfers once, over patient connections of their own, and says so where there are none."""

from pathlib import Path

import pytest

from pumphouse import config, main
from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.drivers.entries import TRANSFER_READ_S
from pumphouse.drivers.transfer.images import GlanceImageTransfer
from pumphouse.drivers.transfer.volumes import CinderVolumeTransfer
from tests.fakes.clock import START

CLOUDS = """
clouds:
  old: {auth: {auth_url: "http://127.0.0.1:9/v3", username: a, password: b, project_name: c}}
"""


def test_the_toolbox_offers_both_and_waits_long_for_their_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUMPHOUSE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PUMPHOUSE_TRANSFER_MIB_S", "2.5")
    (tmp_path / "clouds.yaml").write_text(CLOUDS)
    application = main.build_application(config.load())
    try:
        access = CloudAccess("old", config_file=str(tmp_path / "clouds.yaml"))
        application.stores.add_environment(Environment("1", "old", access, None, {}, START))
        images = application.tools.images
        assert isinstance(images, GlanceImageTransfer)
        assert isinstance(application.tools.volumes, CinderVolumeTransfer)
        assert application.tools.images is images
        end = application.tools._end("old")
        assert application.tools._end("old") is end
        assert end.settings.read_s == TRANSFER_READ_S  # type: ignore[attr-defined]  # it is a Transport
        assert images._throttle._rate == 2.5 * (1 << 20)
    finally:
        application.close()
