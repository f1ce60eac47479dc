"""What the plan of a fence says before anything is changed: what is held and how, what is not, who goes on writing, whose access fails meanwhile."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pumphouse.domain.fence import Means
from pumphouse.domain.finding import Finding, critical, info, warning
from pumphouse.domain.tenant import Source
from pumphouse.workflows.lock_tenant.look import Look

NAMED = 8
"""How many names a finding lists before it only counts."""
HIGH_ROLES = frozenset({"admin", "manager"})
HOW = {
    Means.POLICY: "a policy override denies every writing rule on the next request, old tokens included",
    Means.ROLES: "it keeps a `reader` from writing, so that the role swap holds it once old tokens are forgotten",
    Means.LOCKS: "WEAK: servers are locked, but may be renamed, snapshot and have their security groups changed",
    Means.QUOTAS: "WEAK: quotas are pinned to what is used, but everything there is may be changed and deleted",
}


def entering(look: Look, *, allow_partial: bool, until: datetime | None, now: datetime) -> list[Finding]:
    """All of them for `tenant maintenance on`."""
    return [
        *_state(look, until, now),
        *_services(look, allow_partial=allow_partial),
        *_out_of_reach(look, allow_partial=allow_partial),
        *_writers(look),
        *(warning("not-readable", f"tenant {look.tenant.name}", gap) for gap in look.people.gaps),
        *_interrupted(look),
        *_in_transition(look),
    ]


def _state(look: Look, until: datetime | None, now: datetime) -> Iterable[Finding]:
    subject = f"tenant {look.tenant.name}"
    fence = look.fence
    if fence is not None and fence.state == "on":
        yield info("already-in-maintenance", subject, f"it is, since {fence.since:%Y-%m-%d %H:%M} UTC ({fence.reason}); what is missing is added and all is proven again")  # fmt: skip
    elif fence is not None:
        yield warning("unfinished", subject, f"an earlier attempt of {fence.since:%Y-%m-%d %H:%M} UTC has left a journal; it is gone on with")  # fmt: skip
    if not look.tenant.enabled:
        yield warning("tenant-disabled", subject, "the project is disabled: nobody can log in to it, so that the fence cannot be tried", "enable it first, or leave it as it is: nobody can change it")  # fmt: skip
    if until is not None and until <= now:
        yield critical("until-passed", subject, f"--until {until:%Y-%m-%d %H:%M} UTC has passed already", "give a time in the future")  # fmt: skip
    elif until is not None:
        yield info("lifts-itself", subject, f"it lifts itself at {until:%Y-%m-%d %H:%M} UTC, if a server (`pumphouse serve`) runs then; else `status` warns")  # fmt: skip


def _services(look: Look, *, allow_partial: bool) -> Iterable[Finding]:
    for service, chosen in look.choice.means.items():
        if service in look.choice.open:
            words = "; ".join(HOW[m] for m in chosen) or "nothing keeps its users from writing"
            make = warning if allow_partial else critical
            yield make("not-fenced", f"service {service}", f"{_why_open(look, service)}. {words}", _remedy(allow_partial=allow_partial))  # fmt: skip
            continue
        words = HOW[chosen[0]]
        if chosen[0] is Means.ROLES and service == "keystone":
            words = "members may go on keeping credentials of their own there, which hold no more than `reader` meanwhile"
        elif chosen[0] is Means.ROLES and service not in look.facts.honours:
            words = f"{words}; whether it does is tried with a reader of ours before anything is changed"
        yield info("fenced", f"service {service}", words)
    for service, why in look.deaf.items():
        yield warning("policy-unreadable", f"service {service}", f"its policy cannot be overridden: {why}")
    for service in look.unknown_services:
        yield warning("service-unknown", f"service {service}", "it is in the catalog and no fence knows it: its users may go on writing there", "ask its owners to wait, or override its policy by hand")  # fmt: skip
    if look.choice.swaps_roles:
        yield info("token-cache", f"tenant {look.tenant.name}", f"old tokens are believed for up to {look.token_cache_s} s after the swap, and the same on the way back; that time is waited out")  # fmt: skip


def _why_open(look: Look, service: str) -> str:
    count, total = look.passed_by_reader.get(service, (0, 0))
    if count:
        return f"a `reader` passes {count} of its {total} writing rules, and no policy override is possible or allowed here"
    return "neither a policy override nor a role swap is possible or allowed here"


def _remedy(*, allow_partial: bool) -> str:
    if allow_partial:
        return "a deployer that can write policy files closes it"
    return "set a deployer that can write policy files, or accept the hole with --allow-partial"


def _out_of_reach(look: Look, *, allow_partial: bool) -> Iterable[Finding]:
    """What a swap of the tenant's own grants does not reach; a policy override does."""
    held = look.choice.services_of(Means.ROLES)
    services = [s for s in held if s != "keystone"]
    if not services:
        return
    inherited = [
        r for r in look.people.roles
        if Source.INHERITED in r.sources and not look.book.is_kept(r.role_id)
        and not look.book.all_names(r.role_id) <= {"reader"}
    ]  # fmt: skip
    if inherited:
        make = warning if allow_partial else critical
        who = names(f"{r.user_name}: {r.role_name} {r.via}".strip() for r in inherited)
        yield make("inherited-grants", f"tenant {look.tenant.name}", f"roles that are granted above the tenant stay in force for {', '.join(services)}: {who}", "use a policy override (--means policy), or take these grants away for the time")  # fmt: skip
    for mapping in look.people.federated:
        yield warning("federated-mapping", f"tenant {look.tenant.name}", f"{mapping}: it may give roles again at each login, beyond the swap")  # fmt: skip


def _writers(look: Look) -> Iterable[Finding]:
    kept = {(r.user_name, r.role_name) for r in look.people.roles if look.book.is_kept(r.role_id) and r.sources & {Source.DIRECT, Source.GROUP, Source.INHERITED, Source.IMPLIED}}  # fmt: skip
    if kept:
        who = names(f"{user} ({role})" for user, role in sorted(kept))
        yield info("keeps-access", f"tenant {look.tenant.name}", f"operators and services go on writing in it: {who}")  # fmt: skip
    above = {
        (r.user_name, r.role_name, r.via)
        for r in look.people.roles
        if r.sources & {Source.DOMAIN, Source.SYSTEM}
        and look.book.all_names(r.role_id) & HIGH_ROLES
        and r.user_id != look.book.our_user
    }
    if above:
        who = names(f"{user} ({role} {via})" for user, role, via in sorted(above))
        yield warning("may-grant", f"tenant {look.tenant.name}", f"these may hand out roles in it while it is fenced: {who}", "`tenant maintenance verify` shows grants that were added")  # fmt: skip


def _interrupted(look: Look) -> Iterable[Finding]:
    """Credentials that do not work, or work less, while roles are swapped; all of them work again afterwards."""
    if not look.choice.swaps_roles:
        return
    for credential in look.people.application_credentials:
        if "reader" in {r.lower() for r in credential.roles}:
            words = "works as reader meanwhile"
        else:
            words = (
                "cannot log in or only reads meanwhile (its roles are withdrawn); it works again afterwards"
            )
        yield info("application-credential", f"application credential {credential.name}", words)
    for trust in look.people.trusts:
        if "reader" not in {r.lower() for r in trust.roles}:
            yield warning("trust", f"trust {trust.id}", "is refused meanwhile, for reading too (its role is withdrawn); it works again afterwards. Heat and Octavia use such trusts")  # fmt: skip


def _in_transition(look: Look) -> Iterable[Finding]:
    busy = [s for s in look.servers if s.task or s.status in {"BUILD", "REBUILD", "MIGRATING", "RESIZE"}]
    if busy:
        who = names(f"{s.name} ({s.task or s.status})" for s in busy)
        yield warning("in-transition", f"tenant {look.tenant.name}", f"{len(busy)} servers have a task in progress, which goes on: {who}; the end is waited for")  # fmt: skip


def names(words: Iterable[str]) -> str:
    """The first few, and how many more."""
    listed: Sequence[str] = list(dict.fromkeys(words))
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more
