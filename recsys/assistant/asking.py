"""What a question may ask of a product beside what its description says."""

from __future__ import annotations

import re

ASKS = {
    "price": re.compile(
        r"\b(?:prices?|cost|costs|how much (?:is|does|are|for)?(?! memory| storage| ram)|cheapest|expensive|dearest)\b"
        r"|多少钱|价格|价钱|几块|什么价|最便宜|最贵", re.IGNORECASE),
    "stock": re.compile(
        r"\b(?:available|in stock|still have|sold out|out of stock|get (?:it|one) now)\b"
        r"|有货|库存|缺货|现货|还有吗", re.IGNORECASE),
    "brand": re.compile(r"\b(?:brand|who makes|made by|manufacturer)\b|品牌|牌子|厂家", re.IGNORECASE),
    "about": re.compile(
        r"\b(?:tell me (?:more )?about|more (?:info|details?)|describe|what is it like)\b"
        r"|介绍|详细|怎么样", re.IGNORECASE),
}  # fmt: skip
"""What a question may want to know of a product beside what its description says."""
UNITS_ASKED = {
    "people": re.compile(r"几人|多少人|how many (?:people|persons|players)|for how many|sleeps?\b", re.IGNORECASE),
    "kg": re.compile(r"多重|重量|how heavy|weigh", re.IGNORECASE),
    "gb": re.compile(r"how much (?:memory|storage|ram|space)|内存|存储|多少\s?gb", re.IGNORECASE),
    "inch": re.compile(r"screen size|how big is the screen|屏幕多大|几寸|多少寸", re.IGNORECASE),
    "ml": re.compile(r"how many ml|多少毫升", re.IGNORECASE),
    "piece": re.compile(r"how many pieces|多少片|几片", re.IGNORECASE),
    "w": re.compile(r"how many watts|多少瓦", re.IGNORECASE),
}
"""Units a question asks for without a number, by how it asks."""
