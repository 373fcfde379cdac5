"""Personal data in text: e-mail addresses, links, telephone, card, account and identity numbers, found and masked.

Whatever has check digits is taken only where they hold (cards: ISO/IEC 7812, IBAN: ISO 7064 MOD 97-10, Chinese identity
numbers: GB 11643), so that order and part numbers stay what they are. One set of patterns serves lessons, logs and the
check of what a shopper reads. Names and addresses are not found: that needs a model, and a wrong mask does harm, too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial

# Boundaries are ASCII on purpose: `电话13812345678请回电` has no blanks around its number.
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9.+%_-])[A-Za-z0-9](?:[A-Za-z0-9.+%_-]*[A-Za-z0-9_])?@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"
)
LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"'，。；！？、（）《》【】“”\u4e00-\u9fff]*[A-Za-z0-9/=&#_-]", re.IGNORECASE
)
_CARD = re.compile(r"(?<![A-Za-z0-9.+-])\d(?:[ -]?\d){12,18}(?![A-Za-z0-9-]|\.\d)")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])")
_CHINESE_ID = re.compile(
    r"(?<![A-Za-z0-9])[1-8]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![A-Za-z0-9])"
)
_OTHER_ID = re.compile(
    # A social security number of the United States, and a national insurance number of the United Kingdom.
    r"(?<![A-Za-z0-9.-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![A-Za-z0-9-]|\.\d)"
    r"|(?<![A-Za-z0-9])(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d{2}){3} ?[A-D](?![A-Za-z0-9])"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IP = re.compile(rf"(?:(?<![A-Za-z0-9.])|(?<=IP))(?:{_OCTET}\.){{3}}{_OCTET}(?![A-Za-z0-9]|\.\d)")
_PHONE = re.compile(
    r"(?<![A-Za-z0-9.,$£€¥+-])(?:"
    r"\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,6}"  # international
    r"|\(\d{2,5}\)[ -]?\d{3,4}(?:[ -]?\d{3,5})?"  # an area in brackets
    r"|(?:1[ .-])?[2-9]\d{2}([ .-])\d{3}\1\d{4}"  # North America
    r"|0\d{1,4}[ /-]\d{3,4}[ -]\d{3,6}|0\d{2,4}[ /-]\d{5,9}|0\d(?:[ .]\d{2}){4}|0\d{9,10}"  # trunk prefix 0
    r"|(?:86[ -]?)?1[3-9]\d([ -]?)\d{4}\2\d{4}"  # Chinese mobile
    r"|[48]00[ -]?\d{3}[ -]?\d{4}|[2-9]\d{9}"  # the latter only where it is said to be one
    r")(?![A-Za-z0-9-]|\.\d)"
)
#: What stands before a number that is a code of something, and before one that is called.
_CODE = re.compile(
    r"(?:\b(?:sku|model|part|order|item|article|ref|no|nr|section|chapter|version|v)|型号|货号|编号|款号|订单号?|运单号?|章节?|版本)\W*$",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"(?:\b(?:call|ring|text|sms|phone|tel|telephone|mobile|cell|whatsapp|number)|电话|手机|致电|拨打?|打|号码)"
    r"\W*(?:(?:me|us|him|her|at|on|is|是|号|为)\W*){0,2}$",
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(r"(?<![\w.])\+?\d(?:[ ().-]?\d){8,}(?!\w)")


def mask_personal(text: str) -> str:
    """Replace personal data by what it is: ``[e-mail] [link] [iban] [id] [card] [ip] [phone]``."""
    for name, pattern, holds in _MASKED:
        text = pattern.sub(partial(_masked, name, holds), text)
    return text


def personal_kinds(text: str) -> list[str]:
    """What a text may not show a shopper: ``an e-mail address``, ``a link``, ``a telephone or account number``."""
    return [what for what, pattern in _REFUSED.items() if pattern.search(text)]


class MaskPersonal(logging.Filter):
    """Logging filter that masks personal data in every record: a shop's user ids may be e-mail addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the message, its arguments included; every record passes."""
        record.msg, record.args = mask_personal(record.getMessage()), None
        return True


def _masked(name: str, holds: Callable[[re.Match[str]], bool], found: re.Match[str]) -> str:
    return name if holds(found) else found[0]


def _before(found: re.Match[str]) -> str:
    return found.string[max(0, found.start() - 20) : found.start()]


def _digits(found: re.Match[str]) -> list[int]:
    return [int(sign) for sign in found[0] if sign.isdigit()]


def _is_card(found: re.Match[str]) -> bool:
    """Luhn's checksum: every second digit from the right counts double, and the sum ends in 0."""
    digits = _digits(found)[::-1]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0 and any(digits)


def _is_iban(found: re.Match[str]) -> bool:
    """The country and check digits moved to the end, letters as 10 to 35: 1 modulo 97."""
    plain = found[0].replace(" ", "")
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def _is_chinese_id(found: re.Match[str]) -> bool:
    """The last sign is that of the weighted sum of the 17 digits before it, modulo 11."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(found[0][:17]))
    return "10X98765432"[total % 11] == found[0][17].upper()


def _is_address(found: re.Match[str]) -> bool:
    return not _CODE.search(_before(found))


def _is_phone(found: re.Match[str]) -> bool:
    """7 to 15 digits (ITU-T E.164) that are not called a code; a bare number only where it is called a telephone's."""
    before, bare = _before(found), re.fullmatch(r"(?![48]00)[2-9]\d{9}", found[0])
    called = _CALL.search(before) if bare else not _CODE.search(before)
    return bool(called) and 7 <= len(_digits(found)) <= 15


def _always(found: re.Match[str]) -> bool:
    return True


#: What is masked, in this order: what has check digits before telephone numbers, whose patterns are wider.
_MASKED: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
    ("[e-mail]", _EMAIL, _always),
    ("[link]", LINK, _always),
    ("[iban]", _IBAN, _is_iban),
    ("[id]", _CHINESE_ID, _is_chinese_id),
    ("[id]", _OTHER_ID, _always),
    ("[card]", _CARD, _is_card),
    ("[ip]", _IP, _is_address),
    ("[phone]", _PHONE, _is_phone),
)
# A lesson may hold a part number; a sentence for a shopper has no use for any long number, so more of them are refused.
_REFUSED = {"an e-mail address": _EMAIL, "a link": LINK, "a telephone or account number": _LONG_NUMBER}
