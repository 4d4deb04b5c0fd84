"""The library of bronchoscopes: data that a hospital edits, not truth that a programmer fixed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from SenseCarePlanningLib.errors import InputError

from .plan import Scope

_TEXT = ("id", "name", "source", "verified_on")
_NUMBERS = tuple(item.name for item in fields(Scope) if item.name not in _TEXT)
_REQUIRED_NUMBER = "tip_diameter_mm"
UNVERIFIED = "unverified"
"""What ``verified_on`` says when nobody has compared the row with its source; shown as such."""


def load_scopes(path: Path | str | None = None, ids: Iterable[str] | None = None) -> tuple[Scope, ...]:
    """Read the scope library and pick the scopes asked for.

    Parameters
    ----------
    path
        A JSON file of the same form as the one that ships (``resources/scopes.json``), which is read by default.
    ids
        Which scopes, in this order; all by default.

    Raises
    ------
    InputError
        With every problem found: not readable, not JSON, missing or unknown keys, values out of range, ids used twice,
        ids that the library does not have.
    """
    name = "the scope library" if path is None else str(Path(path).name)
    rows = _read(path, name)
    problems: list[str] = []
    scopes: dict[str, Scope] = {}
    for number, row in enumerate(rows, start=1):
        found = _problems_of(row, number)
        problems.extend(found)
        if not found:
            if row["id"] in scopes:
                problems.append(f"row {number}: the id {row['id']!r} is used twice")
            scopes[row["id"]] = _scope(row)
    if problems:
        raise InputError(f"The list of bronchoscopes in {name} cannot be used; correct it and try again.", problems)
    wanted = list(scopes) if ids is None else list(dict.fromkeys(ids))
    unknown = [key for key in wanted if key not in scopes]
    if unknown:
        known = ", ".join(scopes)
        raise InputError(
            "A bronchoscope asked for is not in the library; choose from the known ones.",
            [f"unknown scope {key!r}; known: {known}" for key in unknown],
        )
    return tuple(scopes[key] for key in wanted)


def _read(path: Path | str | None, name: str) -> list[Any]:
    try:
        text = (
            files("LungAirwayLib").joinpath("resources/scopes.json").read_text(encoding="utf-8")
            if path is None
            else Path(path).read_text(encoding="utf-8-sig")  # as Windows editors write it
        )
        content = json.loads(text)
    except OSError as error:
        raise InputError(f"The list of bronchoscopes {name} cannot be read.", [str(error.strerror)]) from error
    except UnicodeDecodeError as error:
        raise InputError(f"The list of bronchoscopes {name} is not a text file.", [f"byte {error.start}"]) from error
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise InputError(f"The list of bronchoscopes {name} is not valid JSON.", [problem]) from error
    except (ValueError, RecursionError) as error:
        # numbers of thousands of digits, brackets nested thousands deep
        raise InputError(
            f"The list of bronchoscopes {name} is not valid JSON.", ["a number or the nesting is too long"]
        ) from error
    rows = content.get("scopes") if isinstance(content, Mapping) else None
    if not isinstance(rows, list) or not rows:
        raise InputError(f"The list of bronchoscopes {name} has no rows.", ['expected {"scopes": [{...}, ...]}'])
    return rows


def _problems_of(row: Any, number: int) -> list[str]:
    if not isinstance(row, Mapping):
        return [f"row {number}: expected an object, got {type(row).__name__}"]
    where = f"row {number} ({row.get('id', 'no id')})"
    found = [f"{where}: {key} must be a text" for key in _TEXT if not _is_text(row.get(key))]
    known = {*_TEXT, *_NUMBERS}
    found += [f"{where}: unknown key {key!r}; known: {', '.join(sorted(known))}" for key in row if key not in known]
    for key in _NUMBERS:
        value = row.get(key)
        if value is None:
            if key == _REQUIRED_NUMBER:
                found.append(f"{where}: {key} is required")
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not _in_range(key, value):
            found.append(f"{where}: {key} is {str(value)[:40]!r}, expected a number {_range_text(key)}")
    tip, channel = row.get("tip_diameter_mm"), row.get("channel_mm")
    if not found and channel is not None and channel >= tip:
        found.append(f"{where}: the channel of {channel} mm does not fit into a tip of {tip} mm")
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


_LIMITS = {
    "_deg": (0.0, 360.0),
    "tip_diameter_mm": (0.5, 50.0),
    "working_length_mm": (0.0, 5000.0),
    "minimum_bend_radius_mm": (0.0, 500.0),
}


def _limits(key: str) -> tuple[float, float]:
    return next((limits for end, limits in _LIMITS.items() if key.endswith(end)), (0.0, 50.0))


def _in_range(key: str, value: float) -> bool:
    low, high = _limits(key)
    return low < value <= high  # also false for NaN, and without converting an integer that no float holds


def _range_text(key: str) -> str:
    low, high = _limits(key)
    return f"above {low:g} and up to {high:g}"


def _scope(row: Mapping[str, Any]) -> Scope:
    numbers = {key: None if row.get(key) is None else float(row[key]) for key in _NUMBERS}
    return Scope(**{key: row[key] for key in _TEXT}, **numbers)  # type: ignore[arg-type]
