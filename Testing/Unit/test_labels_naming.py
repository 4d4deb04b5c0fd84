"""Names of bronchi: every code has one in both languages, and says where it belongs."""

from __future__ import annotations

import pytest

from LungAirwayLib.constants import (
    ACCESSORY_CARDIAC,
    INTERMEDIATE,
    LEFT_MAIN,
    LLL,
    LOBAR_CODES,
    LOBE_CODES,
    LUL,
    RIGHT_MAIN,
    RLL,
    RML,
    RUL,
    SEGMENT_CODES,
    TRACHEA,
)
from LungAirwayLib.naming import display_name, lobe_of, segment_of, side_of, split_code

EVERY_CODE = (TRACHEA, RIGHT_MAIN, LEFT_MAIN, INTERMEDIATE, ACCESSORY_CARDIAC, *LOBAR_CODES, *SEGMENT_CODES, *LOBE_CODES.values())


def test_every_code_has_a_name_of_its_own_in_both_languages():
    for language in ("en", "zh"):
        names = [display_name(code, language) for code in EVERY_CODE]
        assert len(set(names)) == len(EVERY_CODE)
        assert all(name.strip() for name in names)


def test_clinical_and_boyden_names_of_the_superior_segment():
    assert display_name("RB6") == "superior segmental bronchus, right lower lobe"
    assert display_name("RB6", "zh") == "右肺下叶背段支气管"
    assert display_name("RB6", "zh", "boyden") == "RB6"


def test_a_suffix_is_kept():
    assert display_name("LB1+2a") == "apicoposterior segmental bronchus, left upper lobe (a)"
    assert display_name("RB3bii-1", system="boyden") == "RB3bii-1"
    assert split_code("RB3bii-1") == ("RB3", "bii-1")
    assert split_code("RB10c") == ("RB10", "c")


def test_common_trunks_parts_and_uncertain_branches_are_named_in_both_languages():
    assert display_name("RB9+10") == "common trunk RB9+10"
    assert display_name("RB9+10", "zh", "boyden") == "RB9+10"
    assert display_name("BI.2") == "bronchus intermedius (part 2)"
    assert display_name("BI.2", "zh") == "右中间段支气管（第 2 部分）"
    assert display_name("below RLLB 1-2", "en", "boyden") == "below right lower lobe bronchus 1-2"
    assert display_name("below RB9+10.2 1", "zh", "boyden") == "RB9+10.2以下 1"


def test_an_abstained_name_is_said():
    assert display_name(None) == "unnamed bronchus"
    assert display_name(None, "zh") == "未命名支气管"


@pytest.mark.parametrize(
    ("code", "lobe"),
    [
        ("RB3a", RUL),
        ("RB4", RML),
        ("RB6", RLL),
        ("LB5", LUL),
        ("LingB", LUL),
        ("LB10", LLL),
        ("BI", None),
        ("BI.2", None),
        ("RB9+10", RLL),
        ("RB1+3.2", RUL),
        ("below RMLB 2-1", RML),
        ("below LB7+8 1", LLL),
        (ACCESSORY_CARDIAC, None),
        ("trachea", None),
    ],
)
def test_the_lobe_of_a_code(code, lobe):
    assert lobe_of(code) == lobe


def test_segment_and_side_of_a_code():
    assert segment_of("RB3b-i") == "RB3"
    assert segment_of("RB3*a") == "RB3"
    assert segment_of("RB3-1") == "RB3"
    assert segment_of("RULB") is None
    assert segment_of("RB9+10") is None
    assert segment_of("below RB9+10 1") is None
    assert side_of("below LLLB 1") == "left"
    assert segment_of(None) is None
    assert (side_of(ACCESSORY_CARDIAC), segment_of(ACCESSORY_CARDIAC)) == ("right", None)
    assert (side_of("LingB"), side_of("BI"), side_of("trachea")) == ("left", "right", None)


@pytest.mark.parametrize("code", ["RB11", "LB1", "LB2", "RB3+4", "RB9+11", "XB1", "", "RB3B", "below", "below RB99 1"])
def test_a_code_that_does_not_exist_is_refused(code):
    with pytest.raises(ValueError, match="unknown bronchus code"):
        split_code(code)


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="language"):
        display_name("RB6", "fr")
