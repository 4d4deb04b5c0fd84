"""The tutorial speaks the panel's words: what it prints bold is a text of a button, a field or a section, letter by letter."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "Resources" / "Docs" / "LungAirway.md").read_text(encoding="utf-8")
VIEWS = {"E", "1"}
"""Letters of the views, which the layout gives them."""
FOLDERS = ("SenseCarePlanning", "LungAirway")


def part(first: str, last: str) -> str:
    return PAGE.split(f"\n## {first}\n")[1].split(f"\n## {last}")[0]


def shown_texts() -> set[str]:
    """Every text of the forms and every literal that the desktop's files hand to ``_``, without the colon of a field."""
    found: set[str] = set()
    for module in FOLDERS:
        for form in (ROOT / module / "Resources" / "UI").glob("*.ui"):
            found |= set(re.findall(r"<string[^>]*>([^<]+)</string>", form.read_text(encoding="utf-8")))
        for path in [*(ROOT / module).glob("*.py"), *(ROOT / module / f"{module}Widgets").glob("*.py")]:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_" and node.args:
                    found |= {str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant)}
        found |= planner_names(ROOT / module / f"{module}.py")
    return {one.replace("&apos;", "'").rstrip(":") for one in found}


def planner_names(path: Path) -> set[str]:
    """Texts of buttons that the hub makes for the organ modules."""
    found = re.search(r"^PLANNERS = (\{.*\})$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return set(ast.literal_eval(found.group(1)).values()) if found else set()


@pytest.mark.parametrize(("first", "last"), [("Tutorial", "Every number"), ("Options", "When something")])
def test_what_is_bold_is_in_the_panel(first: str, last: str) -> None:
    bold = set(re.findall(r"\*\*(.+?)\*\*", part(first, last)))
    assert len(bold) > 3
    assert sorted(bold - shown_texts() - VIEWS) == []


def test_the_engines_are_named_as_in_the_panel() -> None:
    text = part("Options", "When something")
    for name in ("Automatic", "Classical", "Network", "TotalSegmentator"):
        assert f"*{name}*" in text
        assert name in shown_texts()


def test_every_picture_of_the_tutorial_is_there_and_every_taken_picture_is_shown() -> None:
    folder = ROOT / "Resources" / "Screenshots" / "en"
    named = set(re.findall(r"Screenshots/en/([\w-]+\.png)", PAGE))
    assert named == {path.name for path in folder.glob("LungAirway-*.png")}
