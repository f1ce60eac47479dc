"""Looks at both clouds and gathers what a plan is made of; workflow.py calls it for the plan, taking.py again behind the fence."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.resource import REF, Inventory, Move, Resource, ResourceKind, ref, refs, split_ref
from pumphouse.ports.resources import HeldBy, KindDriver, Refers, Resources
from pumphouse.ports.toolbox import Toolbox
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind
from pumphouse.workflows.migrate_tenant.planner import Scene, name_there, plan_rows
from pumphouse.workflows.migrate_tenant.selection import unselected
from pumphouse.workflows.migrate_tenant.server_power import AWAY
from pumphouse.workflows.migrate_tenant.unfenced import unfenced, without_idle_roles

PEOPLE = frozenset(
    {
        ResourceKind.DOMAIN,
        ResourceKind.ROLE,
        ResourceKind.GROUP,
        ResourceKind.USER,
        ResourceKind.KEYPAIR,
        ResourceKind.EC2_KEY,
        ResourceKind.CREDENTIAL,
    }
)
"""Kinds that an inventory finds by way of the assignments, which a fence takes away."""
WAY_TO_PEOPLE = PEOPLE | {ResourceKind.PROJECT, ResourceKind.ASSIGNMENT}
SHELVED_SUFFIX = "-shelved"
"""What Nova adds to a server's name for the image with its disk (nova/compute/api.py, shelve)."""
_FIRST = frozenset({ResourceKind.DOMAIN, ResourceKind.PROJECT})
_OF_USERS = frozenset({ResourceKind.KEYPAIR})
"""Kinds that the destination is asked for by its own users."""


def choices_of(params: Mapping[str, Any]) -> Choices:
    """What the operator has chosen."""
    return Choices(bool(params["keep_addresses"]), bool(params["stateless"]), params["names"])


def take_inventory(
    tools: Toolbox, environment: str, tenant_id: str, kinds: Collection[ResourceKind] = ()
) -> Inventory:
    """All that the tenant has, or what it has of these kinds, as it is without its fence.

    Raises:
        NotFoundError: no such tenant.
    """
    cloud = tools.resources(environment)
    found = cloud.inventory(tenant_id, kinds)
    if tools.fences.fence(environment, tenant_id) is not None:
        found = unfenced(found, tools.fences.fence_entries(environment, tenant_id))
        people = {each.key: each for each in _people(cloud, tenant_id, found.resources)}
        own = [*(each for each in found.resources if each.key not in people), *people.values()]
        found = replace(found, resources=[*own, *_followed(cloud, own)])
    return without_idle_roles(_without_shelved_disks(found))


def _without_shelved_disks(found: Inventory) -> Inventory:
    """Nova keeps the disk of a shelved server as an image of the tenant's. It goes with its server, for which Nova makes another one in the destination:
    moved as an image, it would lie there twice.
    """
    shelved = {each.id for each in found.of(ResourceKind.SERVER) if each.notes.get("status") in AWAY}
    disks: dict[str, Resource] = {}
    for each in found.of(ResourceKind.IMAGE):
        server = str(each.notes.get("not_copied", {}).get("instance_uuid", ""))
        if server in shelved and each.name.endswith(SHELVED_SUFFIX):
            last = disks.setdefault(server, each)
            if str(each.notes.get("created_at")) > str(last.notes.get("created_at")):
                disks[server] = each
    keys = {each.key for each in disks.values()}
    return replace(found, resources=[each for each in found.resources if each.key not in keys])


def look(
    tools: Toolbox,
    params: Mapping[str, Any],
    kinds: Mapping[ResourceKind, Kind],
    known: Sequence[Resource] = (),
) -> Scene:
    """Both sides as they are now, with the records of earlier runs. `known` are people of the tenant that a fence may hide by now.

    Raises:
        InvalidInputError: something was included or excluded that is not there.
        NotFoundError: no such tenant.
    """
    source, tenant_id, destination = params["environment"], params["tenant"], params["destination"]
    there = tools.resources(destination)
    there.expect()
    inventory = take_inventory(tools, source, tenant_id)
    seen = {each.key for each in inventory.resources}
    inventory = replace(
        inventory, resources=[*inventory.resources, *(each for each in known if each.key not in seen)]
    )
    moves = tools.moves.moves(source, tenant_id, destination)
    scene = Scene(
        source=inventory,
        kinds=kinds,
        choices=choices_of(params),
        moves=moves,
        present=present(there, moves),
        left_out=unselected(inventory, params["include"], params["exclude"]),
    )
    first = _candidates(scene, there, [kind for kind in kinds if kind in _FIRST], "")
    tenant = destination_tenant(replace(scene, candidates=first))
    rest = _candidates(scene, there, [kind for kind in kinds if kind not in _FIRST | _OF_USERS], tenant)
    scene = replace(scene, candidates={**first, **rest})
    last = [_of_users(scene, there, kind, tenant) for kind in kinds if kind in _OF_USERS]
    return replace(scene, candidates={k: v for found in (scene.candidates, *last) for k, v in found.items()})


def destination_tenant(scene: Scene) -> str:
    """The id of the project in the destination that stands for the tenant; empty while there is none."""
    own = [each for each in scene.source.resources if each.kind in _FIRST]
    rows = plan_rows(replace(scene, source=replace(scene.source, resources=own)))
    key = f"{ResourceKind.PROJECT}/{scene.source.tenant_id}"
    return next((row.target_id for row in rows if row.source.key == key), "")


def present(there: Resources, moves: Sequence[Move]) -> dict[str, Resource]:
    """By key, what stands in a cloud of what these moves have recorded for it; a request per kind."""
    wanted: dict[ResourceKind, list[str]] = defaultdict(list)
    for move in moves:
        if move.destination_id:
            wanted[move.kind].append(move.destination_id)
    found: dict[str, Resource] = {}
    for kind, ids in wanted.items():
        try:
            driver = there.kind(kind)
        except NotFoundError:
            continue
        found.update((each.key, each) for each in driver.named(ids))
    return found


def _people(cloud: Resources, tenant_id: str, own: Sequence[Resource]) -> list[Resource]:
    """The people of a fenced tenant and what is theirs, as its own assignments would show them: those of `own` are put back from the fence's journal."""
    holders = sorted({each.fields["holder"][REF] for each in own if each.kind is ResourceKind.ASSIGNMENT})
    found: list[Resource] = []
    for kind in sorted(PEOPLE):
        try:
            driver = cloud.kind(kind)
        except NotFoundError:
            continue
        if isinstance(driver, HeldBy):
            found += driver.held_by(tenant_id, holders)
    return found


def _followed(cloud: Resources, own: Sequence[Resource]) -> list[Resource]:
    """What these refer to and is not among them: whoever lost his last role to a fence is not found as one of the tenant's people."""
    seen = {each.key for each in own}
    found: list[Resource] = []
    fresh = list(own)
    while fresh:
        wanted: dict[ResourceKind, list[str]] = defaultdict(list)
        for target in {target for each in fresh for target in refs(each.fields)} - seen:
            kind, name = split_ref(target)
            if kind in PEOPLE:
                wanted[kind].append(name)
            seen.add(target)
        fresh = [each for kind, ids in wanted.items() for each in _referred(cloud.kind(kind), sorted(ids))]
        found += fresh
    return found


def _referred(driver: KindDriver, ids: Sequence[str]) -> Sequence[Resource]:
    return driver.referred(ids) if isinstance(driver, Refers) else driver.named(ids)


def _of_users(
    scene: Scene, there: Resources, kind: ResourceKind, tenant_id: str
) -> Mapping[ResourceKind, Sequence[Resource]]:
    """As `_candidates`, of the users who are in the destination already."""
    people = [each for each in scene.source.resources if each.kind in _FIRST | {ResourceKind.USER}]
    rows = plan_rows(replace(scene, source=replace(scene.source, resources=people)))
    ids = {row.source.key: row.target_id for row in rows if row.target_id}
    theirs = [
        replace(each, fields={**each.fields, "user": ref(ResourceKind.USER, ids[each.fields["user"][REF]])})
        for each in scene.source.of(kind)
        if each.fields["user"][REF] in ids
    ]
    known = [*(each for each in scene.source.resources if each.kind is not kind), *theirs]
    return _candidates(
        replace(scene, source=replace(scene.source, resources=known)), there, [kind], tenant_id
    )


def _candidates(
    scene: Scene, there: Resources, kinds: Sequence[ResourceKind], tenant_id: str
) -> Mapping[ResourceKind, Sequence[Resource]]:
    """By kind, what may already stand for something there."""
    wanted: dict[ResourceKind, Sequence[Resource]] = {}
    for kind in kinds:
        declared = scene.kinds[kind]
        named = [replace(r, name=name_there(r, declared, scene.choices)) for r in scene.source.of(kind)]
        if named and not (declared.identity is Identity.OWN and declared.chosen is None):
            wanted[kind] = named
    return there.candidates(tenant_id, wanted) if wanted else {}
