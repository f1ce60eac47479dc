"""The ground of all wire models, and the page that every list is answered in. Used by every module of this room."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class View(BaseModel):
    """Something that we answer. Fields may be added in later versions, so readers ignore those they do not know."""

    model_config = ConfigDict(from_attributes=True, extra="ignore", frozen=True)


class Request(BaseModel):
    """Something that we are asked. An unknown field is an error: it is mostly a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(View, Generic[T]):
    """One page of a list. `next` is the cursor of the page behind it, None on the last one."""

    items: list[T]
    next: str | None = None
