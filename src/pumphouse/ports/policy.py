"""Where the deployer lets us override the oslo.policy rules of a cloud's services. Implemented by drivers/deployers; docs/contracts/deployer.md.

One override file of ours per service, read after everything that the operator has (its name sorts last in `policy.d`). The services'
own code answers what their rules are and judges a new file before it is put in place: no list of rules is kept by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RegisteredRule:
    """A rule as the service registers it.

    `check` is its default, `deprecated` the former defaults that oslo.policy ORs in while `enforce_new_defaults` is off, `methods` the HTTP
    methods of its operations (empty: a rule that only other rules refer to), `paths` their URLs in the same order. `former_name` is the one it
    had before a renaming: oslo.policy heeds overrides of that, too.
    """

    name: str
    check: str
    deprecated: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    former_name: str = ""


@dataclass(frozen=True, slots=True)
class PolicyView:
    """What a service enforces now. `overrides` are the operator's own (policy file and directory, ours left out; under a rule's present name also
    when he uses its former one), `ours` the present text of our file ("" when there is none), `version` the hash that a write must name,
    `token_cache_s` how long the service believes a token.
    """

    service: str
    rules: Sequence[RegisteredRule]
    overrides: Mapping[str, str]
    new_defaults: bool
    ours: str
    version: str
    token_cache_s: int | None
    where: str = ""
    """the file in words, for people"""
    credentials: tuple[str, ...] = ("project_id",)
    """what a rule of this service can compare with a literal about whoever asks; Neutron has a check of its own for `project_id` and refuses one"""
    keeps_removed: bool = False
    """whether a rule stays in force after its file is gone, until the service starts anew (Glance)"""


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody whose requests are judged offline, on things of the project `owner_id` (default: his own). With another owner, he passes a rule that he
    passes on things of that owner, on things of that owner on networks of his own, or on things of his own on networks of that owner.
    """

    name: str
    roles: tuple[str, ...]
    project_id: str
    project_name: str = ""
    project_domain_id: str = "default"
    owner_id: str = ""
    user_id: str = "persona"
    service_roles: tuple[str, ...] = ()
    """roles of the service that acts for him (X-Service-Token)"""


class PolicyHost(Protocol):
    """The services whose policy we may override in one environment."""

    def services(self) -> Sequence[str]:
        """Program names: nova, neutron, cinder, glance, keystone. Empty: none."""
        ...

    def view(self, service: str) -> PolicyView:
        """Raises DeployerError when the service's code cannot be asked."""
        ...

    def judge(
        self, service: str, personas: Sequence[Persona], text: str | None = None
    ) -> Mapping[str, Mapping[str, bool]]:
        """Persona name -> rule -> whether he passes, evaluated by the service's own code over its own configuration, with `text` in the place of our file.

        Raises:
            InvalidInputError: `text` is no valid policy file: no YAML mapping, or a rule that cannot be parsed (which would deny everybody).
        """
        ...

    def look(
        self, service: str, personas: Sequence[Persona]
    ) -> tuple[PolicyView, Mapping[str, Mapping[str, bool]]]:
        """`view` and `judge` of the present file, in one question where the host can: each starts the service's code, which takes a second or two."""
        return self.view(service), self.judge(service, personas)

    def recent_view(self, service: str) -> PolicyView:
        """A view that may be half a minute old: for what is looked at again afterwards. By itself a service's code and configuration do not change."""
        return self.view(service)

    def write(self, service: str, text: str, *, expected: str) -> str:
        """Put our file in place by an atomic rename after the service's own parser has accepted it; answers the new version. `text` "" removes it.

        Raises:
            ConflictError: the present file is not `expected` (another operation wrote meanwhile): read again.
            InvalidInputError: as `judge`.
            DeployerError: it could not be written.
        """
        ...
