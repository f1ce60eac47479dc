"""Asks a service's own code about its policy, and puts our override file in place. Runs in the service's Python, on its host, without Pumphouse.

    python policy_agent view|judge|validate|write nova --config-file /etc/nova/nova.conf [--config-dir DIR] [--file NAME.yaml]

A JSON document on stdin (`view`: personas, if any are to be judged as well; `judge`: personas, text; `validate`: text; `write`: text, expected), one JSON object on stdout. Exit code 0: done;
3: refused, nothing was changed, the object says why (`invalid` or `conflict`); 1: the service's code could not be asked. Used by
`lab/` and, by way of the operator's script, by `command/`. This folder is a program of its own: copy it to a controller as it is.
It keeps to Python 3.8, which old releases run on.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from typing import Any

from judging import judge
from placing import write
from refusal import Refusal
from service import RULES, Service

OUR_FILE = "zz-pumphouse.yaml"
REFUSED = 3


def _answer(arguments: argparse.Namespace) -> dict[str, Any]:
    asked = json.loads(("" if sys.stdin.isatty() else sys.stdin.read()) or "{}")
    service = Service(arguments.service, arguments.config_file, arguments.config_dir, arguments.file)
    if arguments.verb == "view":
        view = service.view()
        return {**view, "passes": judge(service, asked["personas"], None)} if asked.get("personas") else view
    if arguments.verb == "judge":
        return {"passes": judge(service, asked["personas"], asked.get("text"))}
    if arguments.verb == "validate":
        service.validate(asked["text"])
        return {"valid": True}
    return {"version": write(service, asked["text"], asked["expected"])}


def main() -> int:
    """Read, ask, answer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("verb", choices=["view", "judge", "validate", "write"])
    parser.add_argument("service", choices=sorted(RULES))
    parser.add_argument("--config-file", action="append", default=[])
    parser.add_argument("--config-dir", action="append", default=[])
    parser.add_argument("--file", default=OUR_FILE, help="name of our file; it must sort after all others")
    arguments = parser.parse_args()
    # services find their paste files and such by these, and read sys.argv by themselves
    sys.argv = sys.argv[:1]
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    try:
        answer, code = _answer(arguments), 0
    except Refusal as refusal:
        answer, code = {refusal.kind: str(refusal), "reasons": [str(refusal)]}, REFUSED
    sys.stdout.write("\n" + json.dumps(answer, sort_keys=True) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
