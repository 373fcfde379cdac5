"""The shop's assistant: answers from what the shop itself says, with sources, or a hand-over to a person."""

from recsys.assistant.answers import Assistant, answer_table
from recsys.assistant.knowledge import Knowledge
from recsys.assistant.reply import Answer, Done, Event, Sources, Token
from recsys.assistant.setup import answer
from recsys.data.orders import Orders

__all__ = ["Answer", "Assistant", "Done", "Event", "Knowledge", "Orders", "Sources", "Token", "answer", "answer_table"]
