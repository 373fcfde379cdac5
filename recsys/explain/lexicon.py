"""The words a reason may use besides what the evidence supplies.

A closed vocabulary is what makes invention visible: a word that is neither here nor in a name, brand, category or
shared word of the evidence claims something nobody checked. Words that do claim something (popular, cheaper, often,
new) are here too, and `claims` and `figures` ask the evidence for them.
"""

from __future__ import annotations


def vocabulary(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


_GLUE = """
a an the this that these those it its itself they them their there here he she we us our ours you your yours
yourself i me my one ones something anything everything what which who whom whose when where why how and or but so
because since as if then than thus hence therefore while though although for from to of in into on onto at by with
within along alongside about around over under up out off after before during until via per toward towards among
amongst between beyond across is are was were be been being am has have had having do does did done doing can could
may might must shall should will would let lets us please just only even also too well again still already yet once
now then very quite rather really much many more most some any all both each every either few lot lots plenty such
same other others another else own whole rest part parts bit kind kinds sort sorts type types way ways thing things
lot much such like likely maybe perhaps simply given based due thanks owing according per view light regard it's
that's here's there's what's we've you've you're we're you'll we'll they're i'm who's let's rather instead directly
indeed clearly naturally certainly surely of course so far total full hand side next back together apart
"""

_SHOP = """
shop store range assortment catalogue catalog selection collection offer offers department section aisle category
brand maker manufacturer label line family product products item items article articles piece good goods title name
names named word words wording text description shopper shoppers customer customers buyer buyers people person folks
others visitor visitors user users crowd buy buys buying bought purchase purchases purchased purchasing order orders
ordered ordering pick picks picked picking choose chooses chose chosen choosing choice choices take takes took taken
taking get gets got getting add adds added adding addition own owns owned owning have keep keeps kept basket baskets
cart carts checkout history record records past earlier previous previously former recent recently last latest
lately current currently today moment time times day days week weeks month months year recommend recommends
recommended recommending recommendation recommendations suggest suggests suggested suggesting suggestion suggestions
advise propose proposed present presenting show shows showing shown display highlight highlighted feature featured
featuring mention mentions mentioned say says said saying tell tells carry carries bring brings brought offer
offered introduce introducing meet discover explore check see sees seeing seen look looks looked looking view views
viewed viewing browse browsed browsing find finds found finding consider considering think thought thoughts try
trying want wants wish enjoy like likes might love interest interested interests interesting appeal appeals
appealing reason reasons evidence data figures sales numbers signal signals sign signs basis match matches matched
matching fit fits fitting suit suits suited suitable go goes going gone come comes coming came pair pairs paired
pairing combine combines combined combination combinations complement complements complementary complete completes
companion companions partner partners accompany accompanies duo set link links linked connect connects connected
connection relate relates related relevant common share shares shared sharing similar similarly similarity alike
close closely closer resemble resembles resembling resemblance comparable echo echoes reminiscent akin vein style
lines theme thread spirit feel follow follows following followed lead leads led point points pointing speak speaks
stand stands stay stays staying sit sits belong belongs end ends join joins joined arrive arrives arrived arrival
arrivals new newly fresh landed brand-new newcomer popular popularity bestseller bestsellers best-seller
best-sellers best-selling best seller sellers selling top-selling top seller demand demanded sought-after favourite
favourites favorite favorites crowd-pleaser well-loved often frequently frequent regularly regular commonly usually
usual typically typical normally normal average price prices priced pricing cost costs costing pay pays paid paying
spend spends spending spent budget cheaper less expensive lower below above higher near similar range level bracket
idea ideas tip tips note know knowing notice good great nice perfect ideal natural worth worthwhile logical obvious
strong step steps option options alternative alternatives candidate candidates extra extras find finds taste tastes
preference preferences habit habits pattern patterns profile buying shopping activity selection selections makes
make made making maker comes read reads reading judging judged base basing looking help helps helped explain
explains why number several couple handful dozens hundreds thousands two three four five six seven eight nine ten
eleven twelve both first list lists listed place placed appear appears appeared show turn turns turned end ended
went home reach reaches return returns combine use uses used using work works worked put puts placed fill fills
likewise moreover furthermore additionally besides plus meanwhile overall short general generally specifically
particularly especially mainly mostly partly largely chiefly primarily exactly precisely roughly approximately
nearly almost who've they've also's hi hello hey dear strongly closely highly quickly easily happily gladly simply
directly include includes including contain contains hold holds held right mind feel free happy glad pleased sure
welcome considering seeing given noting sometimes occasionally rated
rating ratings average afterwards returned later regarding concerning
"""

NEUTRAL: frozenset[str] = frozenset(_GLUE.split()) | frozenset(_SHOP.split())

#: Praise that is fine of a match and not of a product: only before these nouns.
PRAISE = vocabulary(
    """
    good great nice perfect ideal natural logical obvious strong worthwhile relevant suitable fitting
    """
)
PRAISED = vocabulary(
    """
    match fit choice pick addition companion idea ideas option next step partner suggestion pair pairing find
    combination way to with for link signal sign reason candidate complement follow connection thing
    """
)

#: Comparative and superlative words; those that no rule has checked are refused.
COMPARATIVE = vocabulary(
    """
    more most less least better best worse worst higher highest lower lowest cheaper cheapest newer newest older
    oldest larger largest bigger biggest smaller smallest faster fastest stronger strongest finer finest nicer
    nicest closer closest greater greatest dearer pricier
    """
)

#: Insults and obscenities that no sentence may hold outside the names of the shop's own products.
PROFANE = vocabulary(
    """
    arse arsehole asshole bastard bitch bloody bollocks bullshit crap cunt damn dick fuck fucked fucker fucking
    hell motherfucker nigger piss pissed prick pussy shit shitty slut twat wanker whore
    """
)

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
NUMBER_WORDS = {word: value for value, word in enumerate(_DIGITS)}
#: Words for a count, and the least count they may stand for.
AT_LEAST = {"couple": 2, "several": 3, "handful": 3, "dozens": 24, "hundreds": 200, "thousands": 2000}
#: Words for amounts that no evidence gives.
QUANTITIES = vocabulary("% percent half twice double million millions thousand hundred dozen")
