"""Request bodies: what they may hold, and how much of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recsys.data.schema import MAX_TEXT
from recsys.data.validation import MAX_ID
from recsys.serving.lookup import MAX_HISTORY, User
from recsys.serving.rules import Rules

MAX_BODY = 1_048_576
"""Bytes of one request."""
MAX_K, MAX_ITEMS, MAX_DESCRIBED = 1_000, 10_000, 200
MAX_USERS, MAX_EXPLAINED, MAX_EVENTS = 1_000, 50, 1_000
MAX_QUESTION, MAX_TURNS, MAX_PROMPT, MAX_TOKENS = 2_000, 50, 8_000, 512

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
K = Annotated[int, Field(ge=1, le=MAX_K)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Product = dict[Id, Text | float | bool | None]
"""A described product: names of catalogue columns to their values."""
Columns = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=50)]
Ids = Annotated[list[Id], Field(max_length=MAX_ITEMS)]

#: Longest list for which reasons are written while the caller waits.
_FEW = f"with reasons at most {MAX_EXPLAINED} items"


def example(**fields: Any) -> ConfigDict:
    """Configuration of a model with one example of it, which the OpenAPI document shows."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, use_attribute_docstrings=True)


class Who(_Body):
    """A shopper: a known id, or a history and/or a sentence of someone new; or someone without any past."""

    user_id: Id | None = None
    """A user of the published version, or one who has sent events since."""
    without: Annotated[list[Id], Field(max_length=MAX_HISTORY)] = []
    """Beside `user_id`: items of their history to leave out, as if they had never met them."""
    history: Annotated[list[Id], Field(max_length=MAX_HISTORY)] = []
    """Item ids, oldest first."""
    text: Text = ""
    """What the shopper said they want."""

    @model_validator(mode="after")
    def _one_way(self) -> Who:
        if self.user_id is not None and (self.history or self.text):
            raise ValueError("give either user_id, or history and text")
        if self.without and self.user_id is None:
            raise ValueError("without: leaves items out of the history of a user_id, which is missing")
        return self

    @property
    def user(self) -> User:
        """The same as the Python interface's `user` argument."""
        if self.user_id is not None:
            return {"user": self.user_id, "without": self.without} if self.without else self.user_id
        return {name: value for name, value in (("history", self.history), ("text", self.text)) if value}


class RecommendQuery(Who):
    """`GET /recommend`."""

    items: Ids | None = None
    """Rank exactly these."""
    k: K = 10
    exclude_seen: bool = True
    columns: Columns = []
    """Fields beside the title, such as ``price`` or ``category``."""


class RecommendBody(Who):
    """`POST /recommend`."""

    model_config = example(user_id="12347", k=5, columns=["price", "category", "image"], rules={"diversity": 0.3})

    items: Annotated[list[Id | Product], Field(max_length=MAX_ITEMS)] | None = None
    """Rank exactly these: ids, or described products such as ``{"title": "Red enamel teapot"}``."""
    k: K = 10
    exclude_seen: bool = True
    candidates: Ids | None = None
    """Restrict the search to these item ids."""
    rules: Rules | None = None
    """What may be shown, where, and how varied the list is."""
    columns: Columns | None = []
    """Fields beside the title: ``price``, ``category``, ``brand``, ``image`` (null where the shop has none) and every
    column of the catalogue; null for ids and scores alone."""
    reasons: bool = False
    """Also say why: ``reason``, its ``kind`` and the purchases it names (``because``) in every row."""

    @model_validator(mode="after")
    def _few_described(self) -> RecommendBody:
        if self.described > MAX_DESCRIBED:  # each is read by the encoder
            raise ValueError(
                f"items: at most {MAX_DESCRIBED} described products in one request; found {self.described}"
            )
        if self.reasons and (self.k if self.items is None else len(self.items)) > MAX_EXPLAINED:
            raise ValueError(f"reasons: {_FEW}")
        return self

    @property
    def described(self) -> int:
        """Products among `items` that are described rather than named."""
        return sum(isinstance(item, dict) for item in self.items or ())


class BatchBody(_Body):
    """`POST /batch`."""

    model_config = example(users=["12347", "12350"], k=5)

    users: Annotated[list[Id], Field(min_length=1, max_length=MAX_USERS)]
    """User ids; one that the shop does not know gets the list of a shopper with no history."""
    k: K = 10
    exclude_seen: bool = True
    candidates: Ids | None = None
    """Restrict the search to these item ids."""
    columns: Columns | None = []
    """As in `POST /recommend`."""

    @model_validator(mode="after")
    def _bounded(self) -> BatchBody:
        if len(self.users) * self.k > 10 * MAX_ITEMS:
            raise ValueError(f"users: at most {10 * MAX_ITEMS} rows in one request; ask for shorter lists")
        return self


class Pair(_Body):
    """A shopper and an item."""

    user_id: Id
    item_id: Id


class ScoreBody(_Body):
    """`POST /score`."""

    model_config = example(pairs=[{"user_id": "12347", "item_id": "85123A"}])

    pairs: Annotated[list[Pair], Field(min_length=1, max_length=MAX_ITEMS)]
    """Who and what, in any order; a user that the shop does not know is scored as one with no history."""


class SimilarBody(_Body):
    """`POST /similar`."""

    model_config = example(item={"title": "Red enamel teapot"}, k=5)

    item: Id | Product
    """An item id or a described product."""
    k: K = 10
    columns: Columns | None = []
    """As in `POST /recommend`."""


class ShelfBody(Who):
    """`POST /buy-again`, `/new-arrivals` and `/recently-viewed`."""

    model_config = example(user_id="12347", k=5)

    k: K = 10
    columns: Columns | None = []
    """As in `POST /recommend`."""


class TrendingBody(_Body):
    """`POST /trending`."""

    model_config = example(k=5)

    k: K = 10
    columns: Columns | None = []
    """As in `POST /recommend`."""


class CompleteBody(_Body):
    """`POST /complete`."""

    model_config = example(basket=["85123A", "71053"], k=5)

    basket: Annotated[list[Id], Field(min_length=1, max_length=MAX_HISTORY)]
    """Item ids, in any order."""
    k: K = 10
    rules: Rules | None = None
    columns: Columns | None = []
    """As in `POST /recommend`."""


class ExplainBody(Who):
    """`POST /explain`: one item with all parts of its score, or a list with its reasons."""

    model_config = example(user_id="12347", item_id="85123A")

    item_id: Id | None = None
    """An item of the published version; gives the parts of its score and what each purchase is worth to it."""
    items: Annotated[list[Id], Field(min_length=1, max_length=MAX_EXPLAINED)] | None = None
    """The items of one list, whose reasons are chosen together."""
    k: Annotated[int, Field(ge=1, le=MAX_EXPLAINED)] | None = None
    """Explain the shopper's list of this length."""

    @model_validator(mode="after")
    def _one_thing(self) -> ExplainBody:
        if sum(given is not None for given in (self.item_id, self.items, self.k)) != 1:
            raise ValueError("give one of item_id (one item in full), items (a list) and k (the shopper's own list)")
        return self


class ChatMessage(_Body):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    content: Text


class AnswerBody(_Body):
    """`POST /answer`."""

    model_config = example(question="How long does delivery take?", user_id="12347", stream=False)

    question: Annotated[str, Field(min_length=1, max_length=MAX_QUESTION)]
    history: Annotated[list[ChatMessage], Field(max_length=MAX_TURNS)] = []
    """Earlier turns, oldest first."""
    user_id: Id | None = None
    """The signed-in shopper, as your site has authenticated them: orders told are theirs."""
    stream: bool = False
    """Send server-sent events: ``sources``, ``delta`` with a piece of the text each, then ``answer`` with the whole."""


class GenerateBody(_Body):
    """`POST /generate`."""

    model_config = example(prompt="Write one sentence that sells a red enamel teapot.", max_tokens=60)

    prompt: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)]
    """Text to be answered, by the model's own chat template."""
    max_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] = 128
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """0 always takes the likeliest token."""


class Event(_Body):
    """Something a shopper did."""

    user_id: Id
    item_id: Id
    event: Literal["view", "cart", "purchase"] = "view"
    timestamp: Annotated[float, Field(ge=946_684_800, le=253_402_300_799)] | None = None
    """UTC seconds; by default now. One more than a day ahead is refused."""
    quantity: Annotated[float, Field(gt=0, le=1e6)] | None = None
    price: Annotated[float, Field(ge=0, le=1e9)] | None = None


class EventsBody(_Body):
    """`POST /events`."""

    model_config = example(events=[{"user_id": "12347", "item_id": "85123A", "event": "cart"}])

    events: Annotated[list[Event], Field(min_length=1, max_length=MAX_EVENTS)]


class TokenBody(_Body):
    """`POST /tokens`."""

    model_config = example(user_id="12347", seconds=900)

    user_id: Id
    seconds: Annotated[float, Field(gt=0, le=86_400)] = 900
    """How long it is good for; at most a day."""


class FeedbackBody(_Body):
    """`POST /feedback`."""

    model_config = example(question="How long does delivery take?", answer="Three days.", rating=1)

    question: Annotated[str, Field(max_length=MAX_QUESTION)] = ""
    answer: Annotated[str, Field(max_length=4_000)]
    """The answer, or the reason of a recommendation."""
    rating: Literal[-1, 1]
    """1 for good, -1 for bad."""
    kind: Literal["answer", "recommendation"] = "answer"
    sources: Annotated[list[Annotated[str, Field(max_length=400)]], Field(max_length=50)] = []
    user_id: Id | None = None
