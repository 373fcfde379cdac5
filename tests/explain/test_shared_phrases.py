"""What two names say alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.explain.shared_phrases import Names, head_noun

CATALOGUE = [
    *(f"{maker} Loose Leaf {kind} Tea" for maker in ("Hollis", "Tansy") for kind in ("Green", "Black", "Earl Grey")),
    "Maple Leaf Garland",
    "Maple Leaf Doormat, Red",
    *(f"Earl Grey {noun}" for noun in ("Candle", "Soap, Set of 3", "Mug", "Apron")),
    *(f"Enamel {noun} with Lid" for noun in ("Teapot", "Mug", "Pot", "Box")),
    "Red Enamel Teapot 1.2 l",
    *(f"{kind} Garland" for kind in ("Rose", "Heart", "Star")),
    "At-A-Glance Wall Calendar",
    "At-A-Glance Desk Pad",
    "Premium Pen",
    "Premium Apron",
    "T-Light Holder, Glass",
    "T-Light Garland",
    *(f"Thing {n}" for n in range(200)),
]


@pytest.mark.parametrize(
    ("a", "b", "shared"),
    [
        ("Hollis Loose Leaf Green Tea", "Maple Leaf Garland", ""),  # "leaf" lives in two different phrases
        ("Hollis Loose Leaf Earl Grey Tea", "Earl Grey Candle", "earl grey"),
        ("Hollis Loose Leaf Green Tea", "Hollis Loose Leaf Black Tea", "hollis loose leaf"),
        ("Maple Leaf Garland", "Maple Leaf Doormat, Red", "maple leaf"),
        ("Enamel Teapot with Lid", "Red Enamel Teapot 1.2 l", "enamel teapot"),
        ("Enamel Mug, Red", "Enamel Pot with Lid", "enamel"),
        ("At-A-Glance Wall Calendar", "At-A-Glance Desk Pad", ""),
        ("Premium Pen", "Premium Apron", ""),  # says nothing of either
        ("Maple Leaf Garland", "T-Light Garland", "garland"),
        ("Thing 1", "Thing 2", ""),  # half the shop
        ("Pen", "Apron", ""),
        ("", "", ""),
        ("红色 珐琅茶壶", "珐琅茶壶 小号", "珐琅茶壶"),
    ],
)
def test_shared(a: str, b: str, shared: str) -> None:
    names = Names([*CATALOGUE, "珐琅茶壶"])
    assert names.shared(a, b) == shared
    assert names.shared(b, a) == shared


@pytest.mark.parametrize(
    ("a", "b", "noun"),
    [
        ("Colored Pencils, 24 Count", "Red Pencil", "pencils"),
        ("Premier Colored Pencils", "Premier Pencil Sharpener (2)", ""),
        ("Red Pen", "Large Red", ""),
        ("Pink Hot Water Bottle", "Heart Hot Water Bottle, Large", "hot water bottle"),
        ("Sunscreen Lotion SPF 50", "Travel Sunscreen Lotion SPF 30", "sunscreen lotion"),
        ("Headphones, Wireless, Navy", "Keyboard, Wireless, Navy", ""),  # what comes after the name is no noun of it
        ("Cup Set", "Towel Set", ""),  # a set is no kind of product
        ("红色 珐琅茶壶", "珐琅茶壶", ""),
    ],
)
def test_head_noun(a: str, b: str, noun: str) -> None:
    assert head_noun(a, b) == noun


@pytest.mark.parametrize(
    ("a", "b", "noun"),
    [
        ("Yes To Carrots Nourishing Body Wash", "Yes To Cucumber Hypoallergenic Towelettes", ""),
        ("Coastal Scents 22 Piece Brush Set", "Coastal Scents 88 Color Palette", ""),
        ("Maybelline New York Fit Me! Concealer", "Maybelline New York Fit Me! Foundation", ""),
        ("32 oz African Shea Butter Cream", "African Shea Butter Cream", "shea butter"),  # cream may be a colour
        ("Shea Moisture Leave-In Conditioner", "Argan Oil LEAVE IN CONDITIONER", "leave in conditioner"),
        ("Dove Body Wash with Moisture", "Caress Body Wash, Emerald Rush", "body wash"),
    ],
)
def test_what_two_names_begin_with_may_be_a_brand_and_is_no_noun(a: str, b: str, noun: str) -> None:
    assert head_noun(a, b, unbranded=False) == noun


@pytest.mark.parametrize(
    ("a", "b", "phrase"),
    [
        ("Maple Leaf Garland", "Maple Leaf Doormat, Red", "Maple Leaf"),
        ("Hollis Loose Leaf Earl Grey Tea", "Earl Grey Candle", "Earl Grey"),
        ("Enamel Mug, Red", "Enamel Pot with Lid", ""),  # one word names no subject
        ("Premium Pen", "Premium Apron", ""),
        ("Enamel Teapot with Lid", "Red Enamel Teapot 1.2 l", ""),  # what both are is said as a noun
    ],
)
def test_phrase_names_a_subject_and_is_rare(a: str, b: str, phrase: str) -> None:
    names = Names([*CATALOGUE, *(f"Filler {n}" for n in range(600))])
    assert names.phrase(a, b) == phrase


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_shared_is_in_both(a: str, b: str) -> None:
    found = Names([a, b]).shared(a, b)
    assert all(word in a.lower() and word in b.lower() for word in found.split())
