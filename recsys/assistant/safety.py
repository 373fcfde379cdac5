"""Text that gives orders to the assistant instead of asking it something."""

from __future__ import annotations

import re

_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,30}\b(?:instructions?|rules?|prompts?|polic(?:y|ies)|above|everything|guidelines?)\b"
    r"|\b(?:system|hidden|initial) (?:prompt|message|instructions?)\b|\bmy (?:servant|slave)\b"
    r"|^\s*(?:system|assistant)\s*:|<\|?(?:im_start|system|/?inst)"
    r"|\byou are now\b|\bfrom now on,? (?:you|answer|say|only)\b|\bpretend (?:to be|you|that you)\b|\bact as\b"
    r"|\brepeat (?:after me|the following)\b|\b(?:developer|debug|admin|god) mode\b|\bjailbreak"
    r"|\bnew instructions?\b"
    r"|\b(?:drop|truncate|alter) table\b|\bunion select\b|\bdelete from\b"
    r"|['\"]\s*(?:or|and) ['\"]?1['\"]? ?= ?['\"]?1|;\s*--"
    r"|忽略.{0,8}(?:指令|规则|提示)|系统提示|假装你是",
    re.IGNORECASE,
)


def gives_orders(text: str) -> bool:
    """Whether a text tries to instruct the assistant: such a question is declined, such a text is not quoted."""
    return _ORDERS.search(text) is not None
