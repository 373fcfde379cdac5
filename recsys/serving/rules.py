"""Business rules on top of a ranking: filters, boosts, pins, exploration, diversity and caps.

Rules are applied in this order, whatever the order they are given in:

1. **Filters** (lists of categories, brands and items, price range, availability) are absolute: nothing that follows
   brings back an item they leave out.
2. **Boosts** are added to the scores (log-odds): those of the item, its brand and its category sum.
3. **Pins** take their places, in order of place, unless a cap leaves no room for them.
4. The other places are filled from the first on. A place of **exploration** goes to a new item, drawn with a chance in
   proportion to its odds; every other place to the best remaining item, or with **diversity** to the best by maximal
   marginal relevance (Carbonell and Goldstein, 1998).
5. **Caps** hold throughout: pinned, explored and ranked items count alike, items without a brand (category) never.

A list is shorter than asked for only when every item left would break a filter or a cap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from recsys.errors import BadInput

_Names = frozenset[Annotated[str, Field(min_length=1)]]
_Only = Annotated[_Names, Field(min_length=1)]
_Logit = Annotated[float, Field(ge=-100, le=100)]


class Rules(BaseModel):
    """Business rules of one list; the default asks for nothing but available items."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        coerce_numbers_to_str=True,
        str_strip_whitespace=True,
        allow_inf_nan=False,
    )

    categories: _Only | None = None
    """Only items of these categories."""
    exclude_categories: _Names = frozenset()
    """No item of these categories."""
    brands: _Only | None = None
    """Only items of these brands."""
    exclude_brands: _Names = frozenset()
    """No item of these brands."""
    price_min: float | None = Field(None, ge=0)
    """Only items of at least this price; an item without a price is left out."""
    price_max: float | None = Field(None, ge=0)
    """Only items of at most this price; an item without a price is left out."""
    include_items: _Only | None = None
    """Only these items."""
    exclude_items: _Names = frozenset()
    """None of these items."""
    include_unavailable: bool = False
    """Also items that are not available."""
    max_per_brand: int | None = Field(None, ge=1)
    """Items of one brand in a list, at most."""
    max_per_category: int | None = Field(None, ge=1)
    """Items of one category in a list, at most."""
    max_per_group: int = Field(1, ge=1)
    """Variants of one product (items of one `parent_id`) in a list, at most."""
    diversity: float = Field(0.0, ge=0, le=1)
    """Weight of being unlike the rest of the list against the score; 0 is pure score order."""
    pinned: dict[Annotated[int, Field(ge=1)], str] = {}
    """Item for each place, counted from 1; a plain list of items means places 1, 2, 3, ..."""
    boost_items: dict[str, _Logit] = {}
    """Log-odds added to an item's score."""
    boost_brands: dict[str, _Logit] = {}
    """Log-odds added to the scores of a brand's items."""
    boost_categories: dict[str, _Logit] = {}
    """Log-odds added to the scores of a category's items."""
    explore: float = Field(0.0, ge=0, le=1)
    """Share of the places that goes to new items: at .2, every fifth place."""
    repeat: Literal["never", "always"] | Annotated[float, Field(ge=0)] | None = None
    """Whether what the shopper has met may be listed again: ``never``, ``always``, or so many days after they last met
    it; by default as the call's ``exclude_seen`` says."""

    @field_validator("pinned", mode="before")
    @classmethod
    def _list_of_pins(cls, value: Any) -> Any:
        return dict(enumerate(value, start=1)) if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _consistent(self) -> Rules:
        if len(set(self.pinned.values())) < len(self.pinned):
            raise ValueError("pinned: an item can be pinned to one place only")
        if self.price_min is not None and self.price_max is not None and self.price_min > self.price_max:
            raise ValueError("price_min is above price_max")
        return self

    @classmethod
    def of(cls, value: Rules | Mapping[str, Any] | None) -> Rules:
        """Rules from a mapping of field names to values; None is no rule.

        Raises
        ------
        BadInput
            Naming the fields that cannot be used.
        """
        if isinstance(value, Rules):
            return value
        try:
            return cls.model_validate({} if value is None else value)
        except ValidationError as error:
            raise BadInput("rules: " + "; ".join(_said(e) for e in error.errors())) from None


def _said(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {error['msg']}" if where else str(error["msg"]).removeprefix("Value error, ")
