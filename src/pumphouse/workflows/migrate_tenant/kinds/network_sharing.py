"""Which of a cloud's shared network things is the same as the source's: those that an operator lends to his tenants are not made a second time."""

from collections.abc import Sequence

from pumphouse.domain.resource import Resource, replaced


def the_same(source: Resource, candidates: Sequence[Resource]) -> Resource | None:
    """The candidate that has the same name and the same fields, as far as those of two clouds can be compared; None when one has to be made."""
    wanted = replaced(source.fields, lambda _target: None)
    return next(
        (
            each
            for each in candidates
            if source.name
            and each.name == source.name
            and replaced(each.fields, lambda _target: None) == wanted
        ),
        None,
    )
