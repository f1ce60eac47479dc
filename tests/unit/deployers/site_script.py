"""An operator's deployment script as the tests use it: keeps its nodes as files in $SITE_DIR. Run as a program, once per action."""

import json
import os
import sys
import time
from pathlib import Path

document = json.load(sys.stdin)
site = Path(os.environ["SITE_DIR"])
mode = os.environ.get("SITE_MODE", "")
node = site / "nodes" / document["node"]
with (site / "calls").open("a") as calls:
    calls.write(json.dumps(document) + "\n")
action = document["action"]

if action == "state":
    print("looking")
    print(json.dumps({"state": node.read_text() if node.exists() else "absent"}))
elif action == "validate":
    if mode == "refuse":
        print(json.dumps({"reasons": ["the rack is being rewired"]}))
        sys.exit(3)
    print(json.dumps({"reasons": []}))
elif action in ("take_down", "install"):
    print(f"{action} {document['node']} with {os.environ.get('SITE_TOKEN', 'no token')}")
    print("a word on stderr", file=sys.stderr)
    sys.stdout.flush()
    if mode == "fail":
        print("password=hunter2secret disk full", file=sys.stderr)
        sys.exit(1)
    if mode == "later":
        print(json.dumps({"after_s": 7}))
        sys.exit(75)
    if mode == "refuse":
        print(json.dumps({"reasons": ["the rack is being rewired"]}))
        sys.exit(3)
    if mode == "hang":
        node.write_text("installing" if action == "install" else "removing")
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        (site / "child").write_text(str(child))
        time.sleep(60)
    if mode == "slow":
        time.sleep(0.8)
    if mode == "liar":
        sys.exit(0)
    if action == "install":
        node.write_text("installed")
    else:
        node.unlink(missing_ok=True)
    (site / "done").open("a").write(f"{action}\n")
