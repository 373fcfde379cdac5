"""Patterns of what a sentence wishes and of whom it speaks, in English and Chinese."""

from __future__ import annotations

import re
from typing import Any

OWN = re.compile(
    r"\bmy\b|\b(?:bought|ordered|worn|wore|arrived)\b|\bi (?:got|have)\b|我(?:的|买了|收到)|买[错大小了]", re.IGNORECASE
)
"""Speaks of what the shopper already has."""
MINE = re.compile(r"\b(?:my|i|we|our|me)\b|我", re.IGNORECASE)
OF_OTHERS = re.compile(
    r"\b(?:belongs? to (?!me)|whoever|who (?:ordered|bought)"
    r"|(?:neighbou?r|wife|husband|boss|friend|girlfriend|boyfriend|brother|sister|ex|colleague|customer|shopper|user)(?:'s|s')?"
    r"(?: \w+){0,2} (?:order|parcel|package|purchase|address|e-?mail)s?"
    r"|my (?:neighbou?r|wife|husband|boss|friend|girlfriend|boyfriend|brother|sister|ex|colleague)"
    r" (?:has |have |had )?(?:ordered|bought|spent?|paid)"
    r"|(?:order|parcel|purchase|address|e-?mail)s? of (?:my|another|other|user|customer|the (?:customer|user))"
    r"|(?:order|address|e-?mail|phone)s? (?:does|did|has|have|do) my"
    r" (?:ex|neighbou?r|wife|husband|boss|friend|colleague)"
    r"|(?:her|his|their) (?:last |latest )?(?:order|purchase|address|e-?mail|phone)s?"
    r"|(?:user|customer) (?:no\.? ?|number )?\d+|every customer|all customers|what (?:has|did) \w+ \d{3,}"
    r"|other (?:people|customers|shoppers|users)'s?(?= (?:order|address|data|e-?mail|purchase)))\b"
    r"|是我(?:朋友|同学|同事|室友|邻居|老公|老婆|妈妈?|爸爸?|男友|女友|男朋友|女朋友|前任)的(?!.{0,4}(?:生日|礼物))"
    r"|我(?:朋友|同学|同事|室友|邻居|老公|老婆|妈|爸|男友|女友|男朋友|女朋友|前任)的?(?:账号|账户|订单|包裹)"
    r"|别人的|其他(?:顾客|用户|人)的|用户\s?\d{3,}|(?:他|她|朋友|老公|老婆|同事)的(?:订单|地址|邮箱|电话)",
    re.IGNORECASE,
)
WISHES = (
    ("cancel", re.compile(r"\bcancel|call (?:it )?off|取消|撤销", re.IGNORECASE)),
    ("return", re.compile(r"\breturn|(?:send|give|bring) (?:\w+ ){0,3}back|refund|(?<![闪后倒])退", re.IGNORECASE)),
    ("change", re.compile(r"\b(?:change|update|correct|wrong) .{0,24}(?:addres|adress)"
                          r"|(?:改|换|修改).{0,4}地址|地址.{0,6}(?:改|错)", re.IGNORECASE)),
    ("missing", re.compile(r"\bnever (?:came|arrived)|where (?:the hell )?is my"
                           r"|(?:not|n[o']?t|isn.?t|still) (?:\w+ )?(?:arrived|come|here|waiting)"
                           r"|\b(?:parcel|package|order|delivery) (?:is |was )?(?:\w+ )?late\b"
                           r"|没收到|没到|还没到|丢", re.IGNORECASE)),
    ("damaged", re.compile(r"\b(?:scratched|cracked|broken|smashed|shattered|dented|chipped|torn|damaged"
                           r"|in (?:bits|pieces))\b"
                           r"|(?:破|碎|裂|坏|压扁|变形)了|是(?:破|碎|裂|坏)的|有(?:划痕|裂)", re.IGNORECASE)),
)  # fmt: skip


def wish_in(text: str) -> Any:
    """What is to be done about an order, the first of `WISHES` that a text names; '' for none."""
    return next((name for name, pattern in WISHES if pattern.search(text)), "")


AND_ANOTHER = re.compile(r"^(?:and|what about|how about|那)(?![a-z])|呢\W*$", re.IGNORECASE)
"""Asks the last question of another thing."""
LOOKS = re.compile(r"\blooks?\b|\blooking like\b|外观|外形|长得|样子|看起来|款式", re.IGNORECASE)
"""Asks for products that look like one, not for those that are like it."""
ALIKE = re.compile(
    r"\b(?:similar|comparable|resembl\w+|alternatives?|looks? (?:\w+ )?like|looking like|the same kind as"
    r"|(?:something|anything|ones?|others?|more|products?) like)\b|类似|相似|差不多|相近|替代|长得像|同类",
    re.IGNORECASE,
)
"""Asks for products like one."""
SAME_BRAND = re.compile(
    r"\b(?:that|this|the|the same|same|their) brand\b|(?:这个|那个|同|同一个?|同个)(?:品牌|牌子)", re.IGNORECASE
)
"""Means the brand of what was spoken of."""
WHICH_OF = re.compile(
    r"\bwhich (?:one|of (?:them|these|those)|is|are|has|would|should)\b|哪(?:个|款|台|双|件|条|本|一个)", re.IGNORECASE
)
"""Chooses among what was shown."""
WHY_SHOWN = re.compile(
    r"\b(?:why|how come)\b.{0,40}\b(?:recommend|suggest|show)\w*|为(?:什么|啥|何).{0,8}(?:推荐|推给|给我推)",
    re.IGNORECASE,
)
"""Asks why products are recommended."""
LARGER = re.compile(r"\b(?:bigger|larger|longer|taller|wider)\b|(?<!更)大(?:一点|点|一些)|更大|再大", re.IGNORECASE)
SMALLER = re.compile(r"\b(?:smaller|shorter|narrower|tinier)\b|(?<!更)小(?:一点|点|一些)|更小|再小", re.IGNORECASE)
"""Asks for another size than what was shown."""
DEARER = re.compile(
    r"\b(?:(?:something|anything|a bit|bit|little|ones?) (?:dearer|pricier|fancier|more expensive)|spend more)\b"
    r"|贵(?:一点|点|一些)(?:的|也)|更贵的",
    re.IGNORECASE,
)
"""Asks for others that cost more."""
THAN = re.compile(r"\b\w+er than\b|\bmore \w+ than\b|比.{1,8}(?:便宜|贵|好|轻|大|小)", re.IGNORECASE)
"""Compares one product with another."""
COUNTS = re.compile(
    r"\bhow many (?:\w+ ){0,3}|\b(?:more|less|fewer) than \d+ (?:kinds?|types?|sorts?|different|models?|products?)"
    r"|(?:几|多少)(?:款|种|类|本|个(?:牌子|品牌|种类)|大类|件商品)"
    r"|\b(?:what|which) (?:departments|categories|sections) \w+ you\b|(?:什么|哪些)(?:大类|分类|类别)",
    re.IGNORECASE,
)
"""Asks how many products, kinds or brands there are."""
OF_ALL = re.compile(r"\b(?:products?|items?|things|departments?|categories)\b|商品|产品|东西|大类|分类", re.IGNORECASE)
"""Speaks of everything the shop sells."""
COMPLETES = re.compile(
    r"\bwhat (?:else|other|more)\b.{0,30}\b(?:need|buy|get|take|use|missing|require)|\bmissing\b.{0,6}$"
    r"|\b(?:anything|something|what|which|else|things?)\b.{0,30}\b(?:goe?s?|match\w*|pairs?|wear|need|use)\b"
    r".{0,12}\b(?:with|for|alongside) (?:it|them|this|that|those|these|the|my)\b"
    r"|\b(?:need|get|buy|take) (?:with|for|alongside) (?:it|them|this|that|those|these)\b|\baccessor|\bto go with\b"
    r"|\bgoes? (?:well )?with\b|\bwhat (?:should|do|would|must) (?:i|we) (?:also|still)\b|\bstill need\b"
    r"|还(?:需要|要|缺|差|得|该|用)(?:再)?(?:买|准备|配|带|添)?.{0,4}(?:什么|啥|哪些|吗|么)"
    r"|(?:还|再|要|该|得)(?:买|准备|备|配|带|添|搭)(?:配|上)?(?:些|点|个|件)?(?:什么|啥|哪些)"
    r"|搭配|配套|配件|一起(?:买|用)|(?:还有|有)(?:什么|啥)可以?配",
    re.IGNORECASE,
)
"""Asks for what goes with something."""
_OWNED = tuple(
    re.compile(
        rf"\b(?:{verbs})\b(?: (?:myself|ourselves|already|just|a|an|the|my|some|new)\b)*"
        rf"(?P<en>[^,.;!?]+?)(?= already|,|\.|;|!|\?| and | what | so |$)|"
        rf"(?:{han})\s*(?P<zh>[^,，。；！？]+?)(?=\s*了?\s*(?:[,，。；！？]|还|$))",
        re.IGNORECASE,
    )
    for verbs, han in (
        ("bought|ordered|purchased", "买了|买好了?|下单了?|入手了?|养了|订了"),
        ("got|have|own", "有了|已经有|我有(?=[^,，。；！？]*了)"),
    )
)


def owned(text: str) -> str:
    """What a text says the shopper has bought or has; '' where it says of nothing."""
    found = next((match for pattern in _OWNED if (match := pattern.search(text))), None)
    return "" if found is None else (found["en"] or found["zh"]).strip()


ARRIVES = re.compile(
    r"\bwhen (?:will|does|is|do)\b.*\b(?:arriv\w+|com(?:e|ing)|here|deliver\w*)\b"
    r"|\bwhere(?:'s| is| are) (?:my|the)\b"
    r"|什么时候(?:能)?(?:到|送)|几时到|到哪|帮我查|(?:还有|还要|还得)(?:几天|多久|多少天).{0,3}到|[赶能].{0,8}前.{0,3}到|[到发寄]了?没(?!有)",
    re.IGNORECASE,
)
"""Asks where something that was ordered is."""
_ASKING = re.compile(
    r"^(?:(?:and|so|but|hi|hello|ok|please|also)\W+)*(?:is|are|was|were|does|do|did|can|could|may|might|will|would"
    r"|should|has|have|how|why|when|where|who|whose)\b|[吗么]\W*$|怎么|为什么|多少|多久|几|能不能|是不是|会不会|可不可以|里有没有|含不含",
    re.IGNORECASE,
)
_FOR_THINGS = re.compile(
    r"\b(?:can|could|may) i (?:get|have|buy|see)\b"
    r"|\b(?:do|have|can|could|would|are|is) (?:you|u|ya|there)(?: guys| also)? "
    r"(?:have|sell|carry|stock|got|offer|recommend|suggest|show|find|help|any|something)\b"
    r"|\b(?:have you|you got|is there|are there|any(?! good)|looking for|recommend|suggest|show me|find me|cheapest)\b"
    r"|\bi (?:want|need)\b"
    r"|(?<!里)有没有|(?<!里)有.{0,12}吗|卖|推荐|想买|想要|想找|介绍",
    re.IGNORECASE,
)
_OF_THEM = re.compile(r"里(?:面)?(?:有没有|有|含)|含不含|含有", re.IGNORECASE)


def asks_of_products(text: str) -> bool:
    """Whether something is asked of products ("are your pans safe for ..."), where a list of them is no answer."""
    return _ASKING.search(text) is not None and (not _FOR_THINGS.search(text) or _OF_THEM.search(text) is not None)


def says_more(text: str) -> bool:
    """Whether a text tells more of what is looked for ("she likes tea") and asks nothing."""
    return re.search(
        r"^(?:and |or )?(?:(?:he|she|they|it|we)\b|it'?s for"
        r"|(?:something |sth |one )?for (?:a|my|his|her)\b|[他她它]们?|是?给|要(?!多少|怎)|想要)",
        text,
        re.IGNORECASE,
    ) is not None and not _ASKING.search(text)


FROM_ORDER = re.compile(
    r"\b(?:my|the) (?:last |latest |recent )?(?:order|purchase)\b|\bi (?:\w+ )?(?:bought|ordered|got)\b"
    r"|我(?:上次|刚|之前|昨天)?(?:买|订)|(?:上次|刚|最近).{0,4}(?:买|订)",
    re.IGNORECASE,
)
NAME = re.compile(r"[a-z][a-z'-]+")
REPLIES = {"greeting": "greeting", "thanks": "thanks", "goodbye": "goodbye", "identity": "identity"}


SERVICE = (
    *("return", "refund", "exchange", "cancel", "warranty", "track", "lost", "damaged", "invoice", "repair"),
    *("wrong_item", "used"),
)
"""Concepts of what is done about goods: a sentence that names one asks for a rule, whatever product it names."""
SOLD = re.compile(r"\b(?:sell|carry|stock|have)\b|卖|有没有|有吗", re.IGNORECASE)
OF_PRODUCTS = frozenset({"product_fact", "allergy_ingredients", "colour", "size", "recommend", "review"})
WHAT = re.compile(r"\b(?:what|how|which|is it|does it|are they)\b|什么|怎么|多少", re.IGNORECASE)
