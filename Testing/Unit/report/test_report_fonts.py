"""The shipped fonts draw all that the program says, and stand in visibly for what they lack."""

from __future__ import annotations

from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from LungAirwayLib.naming import display_name
from SenseCarePlanningLib.i18n import locale_path
from SenseCarePlanningLib.report.fonts import REPLACEMENT, covered, font_path, printable


@pytest.mark.parametrize("bold", [False, True])
def test_the_font_has_truetype_outlines_a_free_licence_and_a_small_file(bold: bool) -> None:
    path = font_path(bold)
    with TTFont(path) as font:
        assert "glyf" in font
        assert set(font.getBestCmap()) == covered()
        assert "Open Font License" in font["name"].getDebugName(13)
    assert path.stat().st_size < 2.5e6
    assert "SIL OPEN FONT LICENSE" in (path.parent / "OFL.txt").read_text(encoding="utf-8")


def test_the_font_covers_the_catalogue_the_names_and_the_symbols() -> None:
    text = (locale_path() / "zh" / "LC_MESSAGES" / "sensecare.po").read_text(encoding="utf-8")
    text += "".join(display_name(code, "zh") for code in ("RB6", "LB1+2", "RULB", "BI", "LingB"))
    text += "●◐○→°±≤≥²³×–−…⚠•□μα"
    in_forms_only = str.maketrans("", "", "◀▶")  # buttons of the desktop's forms, which Qt draws with fonts of its own
    assert printable(text.translate(in_forms_only))[1] == ()


def test_the_font_covers_gb_2312() -> None:
    pairs = [(high, low) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF) if high != 0xD7 or low < 0xFA]
    hanzi = {bytes(pair).decode("gb2312") for pair in pairs}
    assert len(hanzi) == 6763
    assert {ord(character) for character in hanzi} <= covered()


def test_unknown_characters_become_boxes_and_are_named_once() -> None:
    text, missing = printable("𠮷田\U0001f600𠮷")
    assert text == f"{REPLACEMENT}田{REPLACEMENT}{REPLACEMENT}"
    assert missing == ("U+20BB7", "U+1F600")


def test_control_and_joining_characters_leave_no_box() -> None:
    assert printable("a\x00b\tc\u200bd\ne") == ("a b cd\ne", ())


def test_the_list_of_characters_is_the_font() -> None:
    listed = (Path(font_path()).parent / "characters.txt").read_text(encoding="utf-8").replace("\n", "")
    assert {ord(character) for character in listed} | {0xA0, 0x3000} <= covered()
    assert len(covered()) < len(listed) + 10
