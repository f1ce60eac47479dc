#!/usr/bin/env python3
"""Draw the states of an operation into docs/operations.md from the table TRANSITIONS.

tools/draw_states.py          write it
tools/draw_states.py --check  only say whether the document is in step (exit code 1 when not)
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from pumphouse.domain.operation import ACTIVE, HOLDS_LOCKS, TRANSITIONS, OperationStatus

DOCUMENT = Path(__file__).parents[1] / "docs" / "operations.md"
BEGIN, END = "<!-- states: written by tools/draw_states.py -->\n", "<!-- /states -->\n"


def drawing() -> str:
    """The diagram and the table of the three sets."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> accepted"]
    lines += [
        f"    {before} --> {after}"
        for before in OperationStatus
        for after in OperationStatus
        if after in TRANSITIONS[before]
    ]
    lines += [f"    {status} --> [*]" for status in OperationStatus if not TRANSITIONS[status]]
    lines += [
        "```",
        "",
        "| state | somebody works on it, or should | holds its locks | may become |",
        "| --- | --- | --- | --- |",
    ]
    for status in OperationStatus:
        after = ", ".join(f"`{s}`" for s in OperationStatus if s in TRANSITIONS[status]) or "nothing"
        lines.append(f"| `{status}` | {_tick(status in ACTIVE)} | {_tick(status in HOLDS_LOCKS)} | {after} |")
    return "\n".join(lines) + "\n"


def in_step(text: str) -> str:
    """The document with the present drawing."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{drawing()}{END}{tail}"


def _tick(yes: bool) -> str:
    return "yes" if yes else "no"


def main() -> int:
    text = DOCUMENT.read_text()
    wanted = in_step(text)
    if "--check" in sys.argv:
        return 0 if text == wanted else 1
    DOCUMENT.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
