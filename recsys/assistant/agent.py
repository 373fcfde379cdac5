"""A language model that chooses tools: it decides what is looked up, and the tools decide what may be said.

Its calls are decoded under the JSON schemas of the tools, with the ids of the products that were shown, and checked
again by their pydantic models. The fixed part of the prompt (tools and examples) comes first, to be evaluated once.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from recsys.assistant import dialogue
from recsys.assistant.dialogue import Turn
from recsys.assistant.hearing import NUMBER_WORD
from recsys.assistant.messages import prompts
from recsys.assistant.toolbox import OFFERED
from recsys.assistant.tools import Call, OrderStatus, SearchProducts, schema
from recsys.data.personal import mask_personal
from recsys.errors import RecsysError
from recsys.llm.chat import ChatModel, ToolCall
from recsys.llm.gpt import Message
from recsys.serving.search import ProductTable

log = logging.getLogger(__name__)

MOST = 4
"""Calls of one turn."""
SHOWN = 4
"""Products shown before that the model is told of."""
EARLIER = 2
"""The shopper's earlier sentences that it is told of."""
MAX_TEXT = 300
"""Characters of each sentence it is told."""


class Agent:
    """Asks a chat model which tools a turn needs.

    Parameters
    ----------
    table
        The catalogue; None where there is none.
    offered
        Tools it may choose, by name.
    """

    def __init__(
        self, model: ChatModel, table: ProductTable | None, offered: Mapping[str, type[Call]] = OFFERED
    ) -> None:
        self.model, self._table, self._offers = model, table, offered
        self._tools = [schema(arguments, name) for name, arguments in offered.items()]
        said = prompts("tools")
        lines = [_described(tool["function"]) for tool in self._tools]
        self._fixed: list[Message] = [{"role": "system", "content": "\n".join([said["system"], *lines])}]
        for asked, calls in said["examples"]:
            self._fixed += [{"role": "user", "content": asked}, {"role": "assistant", "content": calls}]

    def warm(self) -> None:
        """Evaluate the fixed part of the prompt."""
        self.model.warm(self._fixed, self._tools)

    def plan(self, question: str, turns: Sequence[Turn]) -> list[Call]:
        """The calls that the model asks for and that can be made; none where it fails, which is said."""
        rows = [] if self._table is None else dialogue.focus(turns, self._table)[:SHOWN]
        asked: Message = {"role": "user", "content": self._situation(question, turns, rows)}
        try:
            found = self.model.calls([*self._fixed, asked], self._offered(rows), MOST)
        except RecsysError as error:
            log.warning("the language model chose no tools, and the router's choice stands: %s", error)
            return []
        said = " ".join([*(turn.text for turn in turns if turn.role == "user"), question])
        calls = [call for made in found if (call := self._call(made, question, said)) is not None]
        return list({repr(call): call for call in calls}.values())

    def _offered(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """The tools, those that take products with the ids that were shown; without these where none was."""
        ids = [] if self._table is None else [self._table.ids[row] for row in rows]
        offered = []
        for tool in self._tools:
            parameters = tool["function"]["parameters"]
            if "items" in parameters["properties"]:
                if not ids:
                    continue
                items = {"type": "array", "items": {"enum": ids}, "minItems": 1, "maxItems": MOST}
                parameters = {**parameters, "properties": {**parameters["properties"], "items": items}}
                tool = {**tool, "function": {**tool["function"], "parameters": parameters}}
            offered.append(tool)
        return offered

    def _situation(self, question: str, turns: Sequence[Turn], rows: Sequence[int]) -> str:
        """What was shown and said; personal data is masked, as the model may be another house's."""
        lines = []
        if self._table is not None and rows:
            shown = [f"{n} {self._table.ids[row]} {self._table.titles[row]}" for n, row in enumerate(rows, start=1)]
            lines.append("Shown: " + ", ".join(shown))
        if earlier := [turn.text[:MAX_TEXT] for turn in turns if turn.role == "user"][-EARLIER:]:
            lines.append("Earlier: " + mask_personal(" / ".join(earlier)))
        return "\n".join([*lines, f"Customer: {mask_personal(question[:MAX_TEXT])}"])

    def _call(self, made: ToolCall, question: str, said: str) -> Call | None:
        """A call of the assistant's own; None where its arguments are not those of the tool.

        A limit that the shopper has not named is left out: small models add one of their own.
        """
        asked = self._offers.get(made.name)
        try:
            call: Any = asked.model_validate(dict(made.arguments)) if asked else None
        except ValidationError:
            return None
        if isinstance(call, SearchProducts):
            limits = {name: getattr(call, name) for name in ("price_max", "price_min")}
            return call.model_copy(
                update={name: None for name, limit in limits.items() if limit is not None and not names(said, limit)}
            )
        if isinstance(call, OrderStatus):
            return call.model_copy(update={"question": question})
        if (items := getattr(call, "items", None)) is not None:
            known = [i for i in items if self._table is not None and i in self._table.row]
            if len(known) < (2 if made.name == "compare" else 1):
                return None
            call = call.model_copy(update={"items": known})
        return call


def _described(tool: Mapping[str, Any]) -> str:
    fields = tool["parameters"]["properties"].items()
    told = [f"{name} ({field['description']})" if "description" in field else name for name, field in fields]
    return f"- {tool['name']}: {tool['description'].splitlines()[0]} Arguments: {', '.join(told)}."


_IN_WORDS = re.compile(rf"[十百千]|{NUMBER_WORD}", re.IGNORECASE)


def names(text: str, amount: float) -> bool:
    """Whether a text names an amount: in digits, or some amount in words, which is not read here."""
    in_digits = (float(number) == amount for number in re.findall(r"\d+(?:\.\d+)?", text))
    return any(in_digits) or _IN_WORDS.search(text) is not None
