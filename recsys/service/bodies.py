"""Request bodies: what they may hold, and how much of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recsys.data.schema import MAX_TEXT
from recsys.data.validation import MAX_ID
from recsys.serving.lookup import MAX_HISTORY, User
from recsys.serving.rules import Rules

MAX_BODY = 1_048_576
"""Bytes of one request."""
MAX_K, MAX_ITEMS, MAX_DESCRIBED = 1_000, 10_000, 200
MAX_QUESTION, MAX_TURNS = 2_000, 50

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
K = Annotated[int, Field(ge=1, le=MAX_K)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Product = dict[Id, Text | float | bool | None]
"""A described product: names of catalogue columns to their values."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, use_attribute_docstrings=True)


class Who(_Body):
    """A shopper: a known id, or a history and/or a sentence of someone new; or someone without any past."""

    user_id: Id | None = None
    """A user of the published version."""
    history: Annotated[list[Id], Field(max_length=MAX_HISTORY)] = []
    """Item ids, oldest first."""
    text: Text = ""
    """What the shopper said they want."""

    @model_validator(mode="after")
    def _one_way(self) -> Who:
        if self.user_id is not None and (self.history or self.text):
            raise ValueError("give either user_id, or history and text")
        return self

    @property
    def user(self) -> User:
        """The same as the Python interface's `user` argument."""
        if self.user_id is not None:
            return self.user_id
        return {name: value for name, value in (("history", self.history), ("text", self.text)) if value}


class RecommendQuery(Who):
    """`GET /recommend`."""

    items: Annotated[list[Id], Field(max_length=MAX_ITEMS)] | None = None
    """Rank exactly these."""
    k: K = 10
    exclude_seen: bool = True


class RecommendBody(Who):
    """`POST /recommend`."""

    items: Annotated[list[Id | Product], Field(max_length=MAX_ITEMS)] | None = None
    """Rank exactly these: ids, or described products such as ``{"title": "Red enamel teapot"}``."""
    k: K = 10
    exclude_seen: bool = True
    rules: Rules | None = None
    """What may be shown, where, and how varied the list is."""

    @model_validator(mode="after")
    def _few_described(self) -> RecommendBody:
        described = sum(isinstance(item, dict) for item in self.items or ())
        if described > MAX_DESCRIBED:  # each is read by the encoder
            raise ValueError(f"items: at most {MAX_DESCRIBED} described products in one request; found {described}")
        return self


class CompleteBody(_Body):
    """`POST /complete`."""

    basket: Annotated[list[Id], Field(min_length=1, max_length=MAX_HISTORY)]
    """Item ids, in any order."""
    k: K = 10
    rules: Rules | None = None


class ExplainBody(Who):
    """`POST /explain`."""

    item_id: Id
    """An item of the published version."""


class ChatMessage(_Body):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    content: Text


class AnswerBody(_Body):
    """`POST /answer`."""

    question: Annotated[str, Field(min_length=1, max_length=MAX_QUESTION)]
    history: Annotated[list[ChatMessage], Field(max_length=MAX_TURNS)] = []
    """Earlier turns, oldest first."""
    user_id: Id | None = None
    """The signed-in shopper, as your site has authenticated them: orders told are theirs."""
