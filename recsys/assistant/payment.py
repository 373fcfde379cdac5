"""Ways of paying: the commonest by name, so that one the shop's rules do not list is not taken for one they do."""

from __future__ import annotations

import re

_WAYS = (
    r"\bcash(?: on delivery)?\b|\bc\.?o\.?d\b|货到付款|现金",
    r"\bcheques?\b|\b(?:by|a) check\b|支票",
    r"\b(?:bitcoins?|crypto\w*|ethereum|dogecoin)\b|比特币|加密货币",
    r"\bpaypal\b|贝宝",
    r"\bapple ?pay\b|苹果支付",
    r"\bgoogle ?pay\b|谷歌支付",
    r"\bvisa\b",
    r"\bmaster ?card\b|万事达",
    r"\b(?:amex|american express)\b|运通",
    r"\b(?:bank|wire) transfers?\b|银行转账|转账",
    r"\balipay\b|支付宝",
    r"\bwe ?chat(?: ?pay)?\b|微信",
    r"\bunion ?pay\b|银联",
    r"\bhuabei\b|花呗",
    r"\bklarna\b",
    r"\b(?:after|clear)pay\b",
    r"\bideal payment|\bvia ideal\b|\bwith ideal\b",
    r"\bvenmo\b",
    r"\brevolut\b",
    r"\b(?:debit|maestro) ?cards?\b|借记卡|储蓄卡",
)
_PATTERNS = [re.compile(way, re.IGNORECASE) for way in _WAYS]
_PAYING = re.compile(r"\b(?:pay\w*|accept\w*|take|use)\b|付款|支付|付吗|支持|可以用|能用", re.IGNORECASE)
_PAID_BACK = re.compile(r"back|refund|return|退", re.IGNORECASE)
_NOTHING_ELSE = re.compile(
    r"(?:\W|\b(?:ok|and|then|or|what about|how about|with|by)\b|那|那么|呢|吗|支付|付款)*", re.IGNORECASE
)


def way_of_paying(question: str) -> str:
    """How a question names the way of paying that it is about; '' where it is about none."""
    if _PAID_BACK.search(question):
        return ""
    found = next((found for pattern in _PATTERNS if (found := pattern.search(question))), None)
    if found is None:
        return ""
    rest = question[: found.start()] + question[found.end() :]
    return found.group() if _PAYING.search(question) or _NOTHING_ELSE.fullmatch(rest) else ""


def names_way(way: str, text: str) -> bool:
    """Whether a text names a way of paying, in whichever language."""
    return any(pattern.search(way) and pattern.search(text) for pattern in _PATTERNS)
