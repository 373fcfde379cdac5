"""A language model that chooses tools: it decides what is looked up, and the tools decide what may be said.

Its calls are decoded under the JSON schemas of the tools, with the numbers of the products that were shown, and checked
again by their pydantic models. A model that was trained to choose (`recsys finetune planner`) reads the turn alone; any
other is told the tools and examples first, in a fixed part of the prompt that is evaluated once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from recsys.assistant import dialogue
from recsys.assistant.dialogue import Turn
from recsys.assistant.messages import prompts
from recsys.assistant.plans import MOST_CALLS, SHOWN, asked, situation
from recsys.assistant.toolbox import OFFERED
from recsys.assistant.tools import Call, OfProducts, schema
from recsys.data.personal import mask_personal
from recsys.errors import RecsysError
from recsys.llm.chat import ChatModel, ToolCall
from recsys.llm.gpt import Message
from recsys.serving.search import ProductTable

log = logging.getLogger(__name__)


class Agent:
    """Asks a chat model which tools a turn needs.

    Parameters
    ----------
    table
        The catalogue; None where there is none.
    offered
        Tools it may choose, by name.

    Attributes
    ----------
    trained
        Whether the model was trained to choose.
    """

    def __init__(
        self, model: ChatModel, table: ProductTable | None, offered: Mapping[str, type[Call]] = OFFERED
    ) -> None:
        self.model, self.trained, self._table, self._offers = model, model.plans, table, offered
        self._tools = [schema(arguments, name) for name, arguments in offered.items()]
        self._fixed: list[Message] = asked("")[:-1]
        if not self.trained:
            said = prompts("tools")
            lines = [_described(tool["function"]) for tool in self._tools]
            self._fixed = [{"role": "system", "content": "\n".join([said["system"], *lines])}]
            for turn, calls in said["examples"]:
                self._fixed += [{"role": "user", "content": turn}, {"role": "assistant", "content": calls}]

    def warm(self) -> None:
        """Evaluate the fixed part of the prompt."""
        self.model.warm(self._fixed, self._tools)

    def plan(self, question: str, turns: Sequence[Turn], likely: Sequence[str] | None = None) -> list[Call]:
        """The calls that the model asks for and that can be made; none where it fails, which is said.

        Parameters
        ----------
        likely
            Tools that it may choose from; by default all.
        """
        rows = dialogue.before_shopper(turns, self._table)
        text = situation(mask_personal(question), dialogue.as_read(turns, self._table))
        try:
            found = self.model.calls(
                [*self._fixed, {"role": "user", "content": text}], self._offered(len(rows), likely), MOST_CALLS
            )
        except RecsysError as error:
            log.warning("the language model chose no tools, and the router's choice stands: %s", error)
            return []
        calls = [call for made in found if (call := self._call(made, rows)) is not None]
        return list({repr(call): call for call in calls}.values())

    def _offered(self, shown: int, likely: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The tools; those over products take numbers of the products shown, none where none was."""
        numbers = {"type": "array", "items": {"enum": [*range(1, shown + 1)]}, "maxItems": SHOWN}
        items = numbers if shown else {"type": "array", "items": {"type": "integer"}, "maxItems": 0}
        offered = []
        for tool in self._tools:
            if likely is not None and tool["function"]["name"] not in likely:
                continue
            parameters = tool["function"]["parameters"]
            if "items" in parameters["properties"]:
                properties = {**parameters["properties"], "items": items}
                parameters = {**parameters, "properties": properties, "required": ["items", "question"]}
                tool = {**tool, "function": {**tool["function"], "parameters": parameters}}
            offered.append(tool)
        return offered

    def _call(self, made: ToolCall, rows: Sequence[int]) -> Call | None:
        """A call of the assistant's own, with the ids of the products; None where its arguments are not the tool's."""
        tool, arguments = self._offers.get(made.name), dict(made.arguments)
        if tool is None:
            return None
        if issubclass(tool, OfProducts):
            numbers = arguments.get("items", [])
            if not isinstance(numbers, list) or not all(n in range(1, len(rows) + 1) for n in numbers):
                return None
            arguments["items"] = [self._table.ids[rows[n - 1]] for n in numbers] if self._table is not None else []
        try:
            return tool.model_validate(arguments)
        except ValidationError:
            return None


def _described(tool: Mapping[str, Any]) -> str:
    fields = tool["parameters"]["properties"].items()
    told = [f"{name} ({field['description']})" if "description" in field else name for name, field in fields]
    return f"- {tool['name']}: {tool['description'].splitlines()[0]} Arguments: {', '.join(told)}."
