"""Both transfers, wired; `main` has the toolbox make them when they are first asked for."""

from dataclasses import dataclass

from pumphouse.drivers.transfer.attach import AttachEngine
from pumphouse.drivers.transfer.by_glance import GlanceEngine
from pumphouse.drivers.transfer.connectors import BrickConnectors
from pumphouse.drivers.transfer.ends import EndOf
from pumphouse.drivers.transfer.images import GlanceImageTransfer
from pumphouse.drivers.transfer.throttle import Throttle
from pumphouse.drivers.transfer.volumes import CinderVolumeTransfer
from pumphouse.ports.clock import Clock
from pumphouse.ports.transfer import ImageTransfer, VolumeTransfer


@dataclass(frozen=True, slots=True)
class Transfers:
    """What the toolbox offers as `images` and `volumes`."""

    images: ImageTransfer
    volumes: VolumeTransfer


def build(end_of: EndOf, clock: Clock, bytes_per_s: float) -> Transfers:
    """All copies of this process share one throttle; 0 is none."""
    throttle = Throttle(bytes_per_s, clock)
    images = GlanceImageTransfer(end_of, clock, throttle)
    attaching = AttachEngine(BrickConnectors(), throttle)
    volumes = CinderVolumeTransfer(end_of, clock, attaching, GlanceEngine(images, clock))
    return Transfers(images, volumes)
