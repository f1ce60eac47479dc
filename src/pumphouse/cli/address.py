"""How things are named on the command line: `ENV/NAME`, `ENV/TENANT`, and `key=value` options. Used by the commands."""

from collections.abc import Iterable
from typing import Any

from pumphouse.domain.errors import InvalidInputError


def parse_node(text: str) -> tuple[str, str]:
    """`old/node-3` as environment and node, each a name or an id.

    Raises:
        InvalidInputError: it is not of that form.
    """
    environment, slash, node = text.partition("/")
    if not (environment and slash and node) or "/" in node:
        raise InvalidInputError(
            "node", text, "should be ENV/NAME", hint="for instance old/node-3; see 'pumphouse node list'"
        )
    return environment, node


def parse_tenant(text: str) -> tuple[str, str]:
    """`old/acme` as environment and tenant: a name, an id, or `DOMAIN:NAME`. All behind the first slash is the tenant's, whose name may hold
    slashes and colons (one that cannot be told apart is named by its id).

    Raises:
        InvalidInputError: it is not of that form.
    """
    environment, _, tenant = text.partition("/")
    if not (environment and tenant):
        raise InvalidInputError(
            "tenant", text, "should be ENV/TENANT", hint="for instance old/acme; see 'pumphouse tenant list'"
        )
    return environment, tenant


_INSTANCE = {"--option": "state_dir=/srv/lab", "--set": "network.mtu=9000"}


def parse_options(given: Iterable[str], *, option: str = "--option") -> dict[str, Any]:
    """`key=value` pairs; values that are JSON (numbers, true, lists, objects, null) are taken as such, others are texts.

    Raises:
        InvalidInputError: one has no `=`.
    """
    import json

    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise InvalidInputError(
                option,
                text,
                "should be KEY=VALUE",
                hint=f"for instance {option} {_INSTANCE.get(option, 'key=value')}",
                hidden=True,
            )
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found
