"""An operator's environments script as the tests use it: environments are files below SITE_DIR."""

import json
import os
import sys
from pathlib import Path

verb, subject = sys.argv[1], (sys.argv[2:] or [""])[0]
mode = os.environ.get("SITE_MODE", "")
told = json.load(sys.stdin)
built = Path(os.environ["SITE_DIR"]) / "environments"
built.mkdir(exist_ok=True)
releases = ["2023.1", "2026.2"]
file = built / subject if subject else built
print("a line for a person")
answer: dict[str, object] = {}
if mode == "nonsense":
    answer = dict.fromkeys(("releases", "settable", "settings", "built", "cloud"), 7)
elif verb == "releases":
    answer = {"releases": releases}
elif verb == "settable":
    answer = {"settable": {"network.mtu": "1280 to 9216, in bytes"} if subject in releases else {}}
elif verb == "settings":
    answer = {"settings": {"network.mtu": {"value": 1500, "source": "site.yml"}}}
elif verb == "built":
    answer = {"built": json.loads(file.read_text()) if file.exists() else None}
elif verb == "raze":
    file.unlink(missing_ok=True)
else:
    wrong = [key for key in told["settings"] if key != "network.mtu"]
    wrong += [] if told["release"] in releases else ["release"]
    if wrong:
        print(json.dumps({"key": wrong[0], "why": "nobody has that here"}))
        sys.exit(3)
    if mode == "down":
        print("the rack is dark", file=sys.stderr)
        sys.exit(1)
    file.write_text(json.dumps({"release": told["release"], "settings": told["settings"]}))
    answer = {"cloud": subject, "config_file": "/opt/site/clouds.yaml"}
print(json.dumps(answer))
