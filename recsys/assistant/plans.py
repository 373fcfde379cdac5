"""Planning data: conversations with what each turn has to look up, and what a planner reads before it decides that.

A planner is a small language model that learnt to write a turn's tool calls at once. The words it reads here are those
it is given when it serves, so both are made in this one place.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recsys.assistant.messages import prompts
from recsys.errors import BadInput

if TYPE_CHECKING:
    from recsys.llm.gpt import Message

SHOWN = 4
"""Products of the last list that a planner is told of."""
EARLIER, EARLIER_CHARACTERS = 3, 160
"""The shopper's earlier sentences it is told of, the last ones, and how much of each."""
ORDER, RULE, PRODUCTS = "order", "rule", "products"
"""What the answer before was about, as a planner is told it; '' where it was about none of them."""

CUSTOMER = "Customer: {}"
"""How a planner reads what the shopper says."""
MOST_CALLS = 4
"""Things looked up in one turn."""
MOST_TURNS, MOST_CHARACTERS = 40, 1_000
"""Turns of a conversation, and characters of a sentence, a plan or a title, that are read."""
UNTOLD = 0.1
"""Share of the turns learnt from without what the answer before was about: a history may come without sources."""

Wish = Literal["cancel", "return", "refund", "change", "missing", "damaged"]
Said = Literal["greeting", "thanks", "goodbye", "identity", "out_of_scope"]
Reason = Literal["asked", "complaint"]

_TOOLS = {
    "find": "search_products",
    "find others": "search_products",
    "find cheaper": "search_products",
    "find dearer": "search_products",
    "facts": "product_facts",
    "compare": "compare",
    "goes with": "goes_with",
    "like": "similar",
    "price history": "price_history",
    "why": "recommend",
    "count": "catalogue_facts",
    "rules": "search_policies",
    "order": "order_status",
    "person": "hand_over",
    "say": "reply",
}
"""Kinds of plan, each with the tool that looks it up."""
KINDS = (
    *(kind for kind in _TOOLS if kind not in {"person", "say"}),
    *(f"person {reason}" for reason in get_args(Reason)),
    *(f"say {said}" for said in get_args(Said)),
)
"""Kinds of plan, with what a hand-over and a reply are of."""
FIND, ANGRY = "find", "person complaint"
"""The kind that looks for products, and the one of whoever is angry."""
_WITH_ITEMS = {
    "facts": (0, 4),
    "compare": (0, 4),
    "goes with": (0, 1),
    "like": (1, 1),
    "price history": (0, 4),
    "why": (0, 4),
}
"""Least and most products that a kind names by their numbers."""
_ONE_OF: Mapping[str, tuple[str, ...]] = {"person": get_args(Reason), "say": get_args(Said)}
_PLAN = re.compile(rf"({'|'.join(sorted(_TOOLS, key=len, reverse=True))})((?: +[^:\s]+)*) *:(.*)", re.DOTALL)
_NUMBER = re.compile(r"#([1-9])")
_ORDER_NUMBER = re.compile(r"[A-Za-z]*-?\d[\w-]*")
_TOLD = {"search_policies": RULE} | dict.fromkeys(
    ("search_products", "product_facts", "compare", "goes_with", "similar", "price_history", "recommend"), PRODUCTS
)


_Text = Annotated[str, Field(max_length=MOST_CHARACTERS, pattern=r"\S")]


class _Turn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    user: _Text
    plan: list[_Text] = Field(min_length=1, max_length=MOST_CALLS)
    shown: list[_Text] = Field([], max_length=SHOWN)


class _Conversation(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    lang: Literal["en", "zh"]
    shop: str = ""
    turns: list[_Turn] = Field(min_length=1, max_length=MOST_TURNS)


@dataclass(frozen=True)
class PlannedTurn:
    """What a shopper said, the calls that answer it, and the titles that the answer listed."""

    user: str
    calls: tuple[dict[str, Any], ...]
    shown: tuple[str, ...] = ()


class PlanExample(NamedTuple):
    """A turn, what a planner reads of those before it, how many products they showed, and the calls that answer it."""

    before: str
    question: str
    shown: int
    calls: tuple[dict[str, Any], ...]

    @property
    def situation(self) -> str:
        """All that a planner reads."""
        return situation(self.question, self.before)


def situation(question: str, before: str) -> str:
    """What a planner reads of a turn: what was shown, said and told before it, and the question."""
    return "\n".join(filter(None, [before, CUSTOMER.format(question)]))


def read_before(earlier: Sequence[str], shown: Sequence[str], told: str) -> str:
    """What a planner reads of the turns before one; '' where there was none.

    Parameters
    ----------
    earlier
        The shopper's sentences before this one, oldest first.
    shown
        Titles of the products of the last list, in the order shown, with their prices.
    told
        `ORDER`, `RULE`, `PRODUCTS` or ''.
    """
    lines = []
    if shown:
        lines.append("Shown: " + "; ".join(f"{n} {title}" for n, title in enumerate(shown[:SHOWN], start=1)))
    if earlier:
        lines.append("Earlier: " + " / ".join(text[:EARLIER_CHARACTERS] for text in earlier[-EARLIER:]))
    if told:
        lines.append(f"Told: {told}")
    return "\n".join(lines)


def asked(text: str) -> list[Message]:
    """The messages that a planner answers with its calls, from a `situation`."""
    return [{"role": "system", "content": prompts("planner")["system"]}, {"role": "user", "content": text}]


def read_conversations(path: Path) -> list[tuple[PlannedTurn, ...]]:
    """Conversations of a file of JSON lines, each with what every turn has to look up (see "Teaching the planner").

    Raises
    ------
    BadInput
        The file is missing, empty or no UTF-8, or a line is no conversation; names the line, the turn and what to do.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); give a file of conversations, one a line") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is no UTF-8; save the file as UTF-8") from None
    found = [_conversation(line, f"{path}, line {n}") for n, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise BadInput(f"{path}: no conversations; write one a line, as JSON")
    return found


def examples(conversations: Iterable[Sequence[PlannedTurn]], *, seed: int = 7) -> Iterator[PlanExample]:
    """One training example a turn; in `UNTOLD` of them it is not said what the answer before was about."""
    rng = random.Random(seed)  # noqa: S311 - sampling, not security
    for turns in conversations:
        earlier: list[str] = []
        shown: tuple[str, ...] = ()
        told = ""
        for turn in turns:
            heard = told if rng.random() > UNTOLD else ""
            yield PlanExample(read_before(earlier, shown, heard), turn.user, min(len(shown), SHOWN), turn.calls)
            earlier.append(turn.user)
            shown, told = turn.shown or shown, _told(turn.calls)


def written(calls: Sequence[Mapping[str, Any]]) -> str:
    """Calls as a planner writes them: compact JSON, the keys in the order given."""
    return json.dumps(list(calls), ensure_ascii=False, separators=(",", ":"))


def read_plan(line: str, shown: int) -> dict[str, Any]:
    """The tool call of one line of a plan, such as ``facts #2: is it waterproof``.

    Parameters
    ----------
    shown
        Products whose numbers the line may name.

    Raises
    ------
    BadInput
        The line is none of the plan language.
    """
    found = _PLAN.fullmatch(line)
    if found is None:
        raise BadInput(f"begins with none of {', '.join(f'`{kind}:`' for kind in _TOOLS)}")
    kind, between, text = found[1], found[2].split(), found[3].strip()
    call: dict[str, Any] = {"tool": _TOOLS[kind]}
    if kind in _WITH_ITEMS:
        call |= {"items": _items(kind, between, shown), "question": text}
        if not text and (not call["items"] or kind == "facts"):
            raise BadInput("has nothing after the colon; write what is asked, in the shopper's language")
        return call
    if kind == "order":
        return call | {"question": _text(text)} | _order(between)
    if between:
        raise BadInput(f"has {' '.join(between)!r} before the colon, where `{kind}` takes nothing")
    if kind in _ONE_OF:
        if text not in _ONE_OF[kind]:
            raise BadInput(f"says {text!r}; after `{kind}:` comes one of {', '.join(_ONE_OF[kind])}")
        return call | {"reason" if kind == "person" else "kind": text}
    _, _, instead = kind.partition(" ")
    return call | {"query": _text(text)} | ({"instead": instead} if instead else {})


def kind_of(call: Mapping[str, Any]) -> str:
    """The one of `KINDS` that a call of a plan is of."""
    if "instead" in call:
        return f"find {call['instead']}"
    kind = next(kind for kind, tool in _TOOLS.items() if tool == call["tool"])
    return {"person": f"person {call.get('reason')}", "say": f"say {call.get('kind')}"}.get(kind, kind)


def tool_of(kind: str) -> str:
    """The tool of one of `KINDS`."""
    return _TOOLS.get(kind) or _TOOLS[kind.partition(" ")[0]]


def _conversation(line: str, where: str) -> tuple[PlannedTurn, ...]:
    try:
        read = _Conversation.model_validate(json.loads(line))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        at = [str(part + 1) if isinstance(part, int) else part for part in fault["loc"]]
        at = [f"turn {at[1]}", *at[2:]] if at[:1] == ["turns"] and at[1:] else at
        raise BadInput(
            f"{', '.join([where, *at])}: {fault['msg']}; a conversation is "
            '{"lang": "en" or "zh", "turns": [{"user": "...", "plan": ["find: ..."], "shown": ["..."]}]}'
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: no JSON ({error}); write one conversation a line") from None
    turns, shown = [], 0
    for n, turn in enumerate(read.turns, start=1):
        calls = []
        for plan in turn.plan:
            try:
                calls.append(read_plan(plan, shown))
            except BadInput as error:
                raise BadInput(f"{where}, turn {n}: the plan {plan[:80]!r} {error}") from None
        turns.append(PlannedTurn(turn.user, tuple(calls), tuple(turn.shown)))
        shown = len(turn.shown) or shown
    return tuple(turns)


def _items(kind: str, between: Sequence[str], shown: int) -> list[int]:
    least, most = _WITH_ITEMS[kind]
    if wrong := [word for word in between if not _NUMBER.fullmatch(word)]:
        raise BadInput(f"has {wrong[0]!r} before the colon, where `{kind}` takes numbers of products shown, as #1")
    numbers = [int(word[1:]) for word in between]
    if over := [n for n in numbers if n > shown]:
        raise BadInput(f"names #{over[0]}, and {shown} products were shown before it")
    if not least <= len(numbers) <= most or (kind == "compare" and len(numbers) == 1):
        how = {"compare": "none, or two to four", "like": "exactly one"}.get(kind, f"at most {most}")
        raise BadInput(f"names {len(numbers)} products, and `{kind}` takes {how}")
    return numbers


def _order(between: Sequence[str]) -> dict[str, str]:
    wish = between[-1] if between and between[-1] in get_args(Wish) else ""
    number = between[: len(between) - bool(wish)]
    if len(number) > 1 or (number and not _ORDER_NUMBER.fullmatch(number[0])):
        raise BadInput(
            f"has {' '.join(between)!r} before the colon; after `order` come its number, with a digit in it, and "
            f"one of {', '.join(get_args(Wish))}, where they are said"
        )
    return ({"order": number[0]} if number else {}) | ({"wish": wish} if wish else {})


def _text(text: str) -> str:
    if not text:
        raise BadInput("has nothing after the colon; write what is asked, in the shopper's language")
    return text


def _told(calls: Iterable[Mapping[str, Any]]) -> str:
    tools = {call["tool"] for call in calls}
    if "order_status" in tools:
        return ORDER
    about = {_TOLD.get(tool, "") for tool in tools}
    return RULE if RULE in about else PRODUCTS if PRODUCTS in about else ""
