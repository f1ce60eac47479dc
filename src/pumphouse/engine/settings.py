"""The engine's few knobs, with the values that production uses. Built by `main` from the configuration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Times in seconds.

    `owner_timeout_s`: an owner whose heartbeat is older is replaced (clocks of the hosts that share a database must agree to a few
    seconds). `poll_s`: how often an owner looks for wishes of others; pause takes effect within it. `operations_at_once`: how many
    operations this process runs in the background. `store_patience_s`: how long a write is tried again while the database is away.
    """

    owner_timeout_s: float = 15.0
    poll_s: float = 0.3
    operations_at_once: int = 8
    back_off_first_s: float = 1.0
    back_off_longest_s: float = 60.0
    progress_every_s: float = 1.0
    store_patience_s: float = 60.0
