"""docs/operations.md shows the states as they are."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_diagram_is_in_step_with_the_table() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "draw_states.py", "--check"], check=False)
    assert done.returncode == 0, "run tools/draw_states.py"
