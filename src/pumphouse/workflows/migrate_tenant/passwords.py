"""The step by which the users that a migration has made can log in; workflow.py puts it behind the copying.

Only users of our own making are touched, each once: what became of his password stands in the details of his move. Where both Keystones' databases are known their hashes
go over; whoever had no hash that the destination can check gets a one-time password in the operator's file, if he named one (parameter `onboarding`). One who had
no password in the source's database gets none: he logs in through a directory or an identity provider.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.migration import Detail
from pumphouse.domain.resource import REF, Move, MoveState, ResourceKind
from pumphouse.engine.step import Skipped, Step, StepContext
from pumphouse.ports.passwords import Carried, SetsPassword
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.copying import rows_key

FATE: Final = "password_is"
"""Key of the details of a user's move: a `Carried`."""
_SETTLED: Final = frozenset({Carried.CARRIED, Carried.KEPT, Carried.ONBOARDED, Carried.NONE})
_TODO: Final = (
    "he has no password in the destination: set one, or let it be set with --onboarding FILE in another run"
)


class CarryPasswords(Step):
    """The passwords of new users; nothing to undo, as they go with their users."""

    name: ClassVar[str] = "carry_passwords"
    title: ClassVar[str] = "Bring the passwords of new users"
    repeats: ClassVar[bool] = True

    @override
    def check(self, ctx: StepContext) -> Skipped | None:
        return None if _without(Book.of(ctx)) else Skipped("no user is waiting for a password")

    @override
    def do(self, ctx: StepContext) -> None:
        book = Book.of(ctx)
        users = _without(book)
        fates: dict[str, Carried] = _carried(ctx, book, users)
        if ctx.params.get("onboarding"):
            fates |= _onboarded(ctx, book, users, fates)
        for user in users:
            key, fate = f"{user.kind}/{user.source_id}", fates.get(user.source_id)
            settled = fate in _SETTLED
            book.note(key, **{FATE: str(fate) if fate else None, Detail.TODO: None if settled else _TODO})
        counts = Counter(str(fates.get(user.source_id) or "without a password") for user in users)
        ctx.conclude(", ".join(f"{count} {fate}" for fate, count in sorted(counts.items())))


def _without(book: Book) -> list[Move]:
    """Users that we have made and whose passwords are not settled."""
    return [
        move
        for move in book.moves()
        if move.kind is ResourceKind.USER
        and move.ours
        and move.destination_id
        and move.state is not MoveState.INTENDED
        and move.details.get(FATE) not in _SETTLED
    ]


def _carried(ctx: StepContext, book: Book, users: list[Move]) -> dict[str, Carried]:
    """Source id -> what became of his hash; empty without both databases."""
    source = ctx.tools.passwords(book.environment)
    target = ctx.tools.passwords(book.destination_environment)
    if source is None or target is None:
        return {}
    hashes = source.hashes([user.source_id for user in users])
    put = target.put(
        {user.destination_id: hashes[user.source_id] for user in users if user.source_id in hashes}
    )
    fates = {user.source_id: put[user.destination_id] for user in users if user.destination_id in put}
    # who has no hash at the source needs none; who is not in the destination's database is still without
    known = {each: fate for each, fate in fates.items() if fate is not Carried.NONE}
    return known | {user.source_id: Carried.NONE for user in users if user.source_id not in hashes}


def _onboarded(
    ctx: StepContext, book: Book, users: list[Move], fates: Mapping[str, Carried]
) -> dict[str, Carried]:
    """One-time passwords for those whose hash could not go over; each is in the file before it is set."""
    waiting = [user for user in users if fates.get(user.source_id) not in _SETTLED]
    if not waiting:
        return {}
    driver = book.destination.kind(ResourceKind.USER)
    if not isinstance(driver, SetsPassword):
        raise ConflictError(f"passwords cannot be set in {book.destination_environment}")
    domains = _domains(ctx, book)
    file = ctx.tools.onboarding(str(ctx.params["onboarding"]))
    for user in waiting:
        password = file.password_for(user.destination_id, user.name, domains.get(user.source_id, ""))
        driver.set_password(user.destination_id, password)
        book.note(f"{user.kind}/{user.source_id}", **{FATE: str(Carried.ONBOARDED)})
    return {user.source_id: Carried.ONBOARDED for user in waiting}


def _domains(ctx: StepContext, book: Book) -> dict[str, str]:
    """Source id of a user -> name of his domain in the source."""
    rows: list[Any] = [row["resource"] for row in ctx.recall(rows_key(ResourceKind.USER), ())]
    named = {row["id"]: book.move((row["fields"].get("domain") or {}).get(REF, "")) for row in rows}
    return {user_id: move.name for user_id, move in named.items() if move is not None}
