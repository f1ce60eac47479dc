"""An operator's policy script as the tests use it: the agent's own way of putting a file in place, over rules of three lines. In the service's stead."""

import json
import os
import sys
from pathlib import Path

import yaml

AGENT = Path(__file__).parents[3] / "src/pumphouse/drivers/deployers/policy_agent"
sys.path.insert(0, str(AGENT))
from placing import version, write  # noqa: E402 - that is where it lies
from refusal import Refusal  # noqa: E402

RULES = {
    "nova:create": ("POST", "role:member"),
    "nova:delete": ("DELETE", "role:member"),
    "nova:get": ("GET", ""),
}


class Service:
    directory = Path(os.environ["SITE_DIR"]) / "policy.d"
    file = directory / "zz-pumphouse.yaml"

    def text(self) -> str:
        return self.file.read_text() if self.file.exists() else ""

    def validate(self, text: str) -> None:
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError as exc:
            raise Refusal("invalid", "no YAML") from exc
        if not isinstance(found, dict):
            raise Refusal("invalid", "no mapping")


def view(service: Service) -> dict[str, object]:
    rules = [
        {"name": n, "check": c, "deprecated": [], "former_name": "", "methods": [m], "paths": ["/x"]}
        for n, (m, c) in RULES.items()
    ]
    return {
        "service": "nova", "rules": rules, "overrides": {}, "new_defaults": True, "ours": service.text(), "token_cache_s": 300,
        "version": version(service.text()), "where": str(service.file), "credentials": ["project_id"], "keeps_removed": False,
    }  # fmt: skip


def judge(service: Service, document: dict[str, object]) -> dict[str, dict[str, bool]]:
    text = document["text"] if document["text"] is not None else service.text()
    if text:
        service.validate(text)
    closed = set(yaml.safe_load(text) or {}) if text else set()
    return {
        p["name"]: {r: r not in closed or "admin" in p["roles"] for r in RULES} for p in document["personas"]
    }


verb, name = sys.argv[1], (sys.argv[2:] or [""])[0]
mode = os.environ.get("SITE_MODE", "")
told = json.load(sys.stdin)
print("a line for a person")
if mode == "down":
    print("ssh: connect to host controller port 22: password=hunter2secret refused", file=sys.stderr)
    sys.exit(255)
if mode == "later":
    print(json.dumps({"after_s": 9}))
    sys.exit(75)
if verb == "services":
    print(json.dumps({"services": ["nova"]}))
elif name != "nova":
    sys.exit(2)
else:
    service = Service()
    try:
        if verb == "view":
            answer: dict[str, object] = view(service) | ({"rules": 7} if mode == "nonsense" else {})
        elif verb == "judge":
            answer = {"passes": judge(service, told)}
        else:
            answer = {"version": write(service, told["text"], told["expected"])}
        print(json.dumps(answer | {"padding": "x" * (300_000 if mode == "long" else 0)}))
    except Refusal as refusal:
        print(json.dumps({refusal.kind: str(refusal)}))
        sys.exit(3)
