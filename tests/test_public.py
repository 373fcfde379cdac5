"""The public face: every name that a room offers says what it is and has a page."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = sorted(path.parent.name for path in (ROOT / "recsys").glob("*/__init__.py"))
PAGES = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md"))
CODE = re.compile(r"\[`([\w.]+)`\]\(((?:\.\./)+recsys/[\w./]+\.py)\)")


def public() -> list[str]:
    """``recsys.Name`` and ``recsys.room.Name`` of every public name."""
    modules = ["recsys", *(f"recsys.{room}" for room in ROOMS)]
    return [f"{module}.{name}" for module in modules for name in getattr(import_module(module), "__all__", ())]


def test_the_face_of_the_package_is_what_the_readme_imports():
    from recsys import Recommender, Settings, recommend

    assert Recommender.__module__ == "recsys.serving.recommender"
    assert Settings().seed == 7
    assert callable(recommend)
    with pytest.raises(AttributeError, match="Recomender"):
        import_module("recsys").Recomender  # noqa: B018 - a name that is not there


@pytest.mark.parametrize("name", public())
def test_a_public_name_says_what_it_is_and_has_a_page(name):
    module, _, attribute = name.rpartition(".")
    value = getattr(import_module(module), attribute)
    if callable(value) and hasattr(value, "__name__"):
        assert (value.__doc__ or "").strip(), f"{name} has no docstring"
    # As a heading of the Python reference, or by its full name in the text.
    assert re.search(rf"^::: {re.escape(name)}$|`{re.escape(name)}`", PAGES, re.MULTILINE), (
        f"{name} is on no page: add `::: {name}` to docs/reference/python.md"
    )


def test_importing_the_package_does_not_wait_for_torch():
    code = "import recsys, recsys.serving, recsys.service, sys; print('torch' in sys.modules, 'fastapi' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("page", ["architecture.md", "extending.md"])
def test_what_the_pages_say_of_the_code_is_there(page):
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = CODE.findall(text)
    assert found
    for name, link in found:
        code = (ROOT / "docs" / link).resolve()
        assert code.is_file(), link
        source = code.read_text("utf-8")
        for part in name.removesuffix(".py").split("."):
            known = part in code.stem or part in code.parent.name or part in code.parts
            assert known or re.search(rf"(?:def|class) {part}\b|{part} =", source), f"{link}: no {part}"


def test_a_request_and_a_night_read_top_to_bottom():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    request, night = text.split("## A request")[1].split("## A night")
    assert 1 < len(CODE.findall(request)) <= 12
    assert 1 < len(CODE.findall(night.split("## What holds")[0])) <= 25
