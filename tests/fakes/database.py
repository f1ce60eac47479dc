"""A database whose tables are there: making them takes longer than most tests, so it is done once in a process and copied. Used by the rigs."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from pumphouse.drivers.database.stores import Stores


def new_database(file: Path) -> str:
    """Put an empty database there; answers its URL."""
    shutil.copy(_empty(), file)
    return f"sqlite:///{file}"


@cache
def _empty() -> Path:
    path = Path(tempfile.mkdtemp(prefix="pumphouse-bench-")) / "empty.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    Stores(f"sqlite:///{path}").close()
    return path
