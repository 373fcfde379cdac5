"""Names of settings: dotted, as environment variables, as TOML; what is misspelt is refused by its right name."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from recsys.errors import BadInput


class Section(BaseModel):
    """A section of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def refuse_unknown(model: type[BaseModel], prefix: str, others: Iterable[str], file: Path) -> None:
    """Refuse a variable, section or field that is none of the model's.

    A setting that is misspelt would otherwise be a setting that is silently not made.

    Parameters
    ----------
    model
        The settings; sections are fields that are models themselves.
    prefix : str
        What the environment variables of the settings begin with.
    others : iterable of str
        Variables with that prefix that are no settings.
    file : Path
        The settings file; it may be missing unless the environment names it.

    Raises
    ------
    BadInput
        With the nearest name that is right.
    """
    right = list(names(model))
    if f"{prefix}CONFIG" in os.environ and not file.exists():
        beside = file.parent.glob("*.toml") if file.parent.is_dir() else []
        raise BadInput(f"settings: {prefix}CONFIG names {file}, and there is no such file{_near(file.name, beside)}")
    variables = [variable_of(name, prefix) for name in right]
    sections = [f"{prefix}{name.upper()}" for name in model.model_fields]
    for found in os.environ:
        if found.upper().startswith(prefix) and found.upper() not in (*variables, *sections, *others):
            near = _near(found.upper(), (*variables, *others))
            raise BadInput(f"settings: the environment has {found}, and there is no such setting{near}")
    if file.is_file():
        with file.open("rb") as stream:
            _refuse_unknown_in(tomllib.load(stream), model, right, file)


def _refuse_unknown_in(given: Mapping[str, Any], model: type[BaseModel], right: list[str], file: Path) -> None:
    for section, fields in given.items():
        known = model.model_fields.get(section)
        if known is None:
            near = _near(section, model.model_fields)
            raise BadInput(f"settings: {file}: there is no section or setting {section!r}{near}")
        if isinstance(fields, Mapping) and _section(known.annotation):
            for field in fields:
                if f"{section}.{field}" not in right:
                    inside = [name.partition(".")[2] for name in right if name.startswith(f"{section}.")]
                    near = _near(field, inside) or _near(f"{section}.{field}", right)
                    raise BadInput(f"settings: {file}: [{section}] has no setting {field!r}{near}")


def _near(found: str, there: Iterable[str | Path]) -> str:
    right = [name.name if isinstance(name, Path) else name for name in there]
    nearest = difflib.get_close_matches(found, right, n=1, cutoff=0.5)
    return f"; did you mean {nearest[0]}?" if nearest else f"; there are {', '.join(right[:12])}" if right else ""


def variable_of(name: str, prefix: str) -> str:
    """The environment variable of a setting: `encoder.name` -> `RECSYS_ENCODER__NAME`."""
    return prefix + name.replace(".", "__").upper()


def names(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Dotted names of all settings."""
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        yield from names(section, f"{before}{name}.") if section else [before + name]


def _section(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def as_toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{json.dumps(str(k), ensure_ascii=False)} = {as_toml(v)}" for k, v in value.items()) + "}"
        )
    return json.dumps(value if isinstance(value, bool | int | float) else str(value), ensure_ascii=False)
