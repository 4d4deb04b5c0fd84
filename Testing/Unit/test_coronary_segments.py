"""The 18 SCCT segments form a tree, name their vessel, and say what is odd about a set of labels."""

from __future__ import annotations

import pytest

from CardiacCTALib.segments import (
    BY_NUMBER,
    CONSTANT,
    SEGMENTS,
    Artery,
    Dominance,
    anatomy_doubts,
    dominance_of,
    expected_segments,
    segment_involvement_score,
    segment_of,
)
from SenseCarePlanningLib.i18n import translator

RIGHT_HEART = expected_segments(Dominance.RIGHT)


def test_numbers_and_names_are_those_of_the_scct() -> None:
    right, lad = ["pRCA", "mRCA", "dRCA", "R-PDA"], ["pLAD", "mLAD", "dLAD", "D1", "D2"]
    codes = [*right, "LM", *lad, "pLCx", "OM1", "LCx", "OM2", "L-PDA", "R-PLB", "RI", "L-PLB"]
    assert [(segment.number, segment.code) for segment in SEGMENTS] == list(enumerate(codes, start=1))


def test_every_segment_leads_to_an_ostium_inside_its_own_side() -> None:
    for segment in SEGMENTS:
        seen = [segment]
        while seen[-1].parent is not None:
            seen.append(BY_NUMBER[seen[-1].parent])
            assert len(seen) < 6
        assert seen[-1].code == ("pRCA" if segment.artery is Artery.RCA else "LM")


def test_the_codes_are_unique_and_the_ramus_counts_for_the_circumflex() -> None:
    assert len({segment.meaning.value for segment in SEGMENTS}) == 18
    assert segment_of("RI").vessel is Artery.LCX
    assert segment_of("L-PDA").vessel is Artery.LCX
    assert segment_of("R-PLB").vessel is Artery.RCA
    assert segment_of("D2").vessel is Artery.LAD


@pytest.mark.parametrize(
    ("posterior", "dominance"),
    [
        ({"R-PDA", "R-PLB"}, Dominance.RIGHT),
        ({"R-PDA"}, Dominance.RIGHT),
        ({"R-PDA", "R-PLB", "L-PLB"}, Dominance.RIGHT),
        ({"L-PDA", "L-PLB"}, Dominance.LEFT),
        ({"L-PDA", "R-PLB"}, Dominance.LEFT),
        ({"R-PDA", "L-PDA"}, Dominance.BALANCED),
        ({"R-PDA", "L-PLB"}, Dominance.BALANCED),
        ({"L-PLB"}, None),
    ],
)
def test_dominance_follows_the_posterior_descending_artery(posterior: set[str], dominance: Dominance | None) -> None:
    assert dominance_of(CONSTANT | posterior) is dominance


@pytest.mark.parametrize("dominance", list(Dominance))
def test_an_expected_heart_raises_no_doubt_and_has_its_dominance(dominance: Dominance) -> None:
    assert anatomy_doubts(expected_segments(dominance)) == ()
    assert dominance_of(expected_segments(dominance)) is dominance


def test_what_is_missing_or_odd_is_said() -> None:
    assert anatomy_doubts(RIGHT_HEART - {"mRCA"}) == ("mRCA was not found, and every heart has it.",)
    assert anatomy_doubts(RIGHT_HEART - {"R-PDA"}) == ("No posterior descending artery was found; the dominance is not known.",)
    assert anatomy_doubts(RIGHT_HEART - {"LM"}, absent={"LM"}) == ()
    assert anatomy_doubts(RIGHT_HEART - {"LM"} | {"RI"}, absent={"LM"}) == (
        "A ramus intermedius needs a left main that divides in three.",
    )
    assert anatomy_doubts(RIGHT_HEART - {"D1", "OM1"}) == ()
    assert len(anatomy_doubts(())) == len(CONSTANT) + 1


def test_unknown_and_contradicting_codes_are_refused() -> None:
    with pytest.raises(ValueError, match="'LAD'"):
        segment_of("LAD")
    with pytest.raises(ValueError, match="both for LM"):
        anatomy_doubts({"LM"}, {"LM"})


def test_involvement_counts_each_segment_once() -> None:
    assert segment_involvement_score(["pLAD", "pLAD", "RI"]) == 2
    assert segment_involvement_score([]) == 0


def test_names_limits_and_doubts_are_known_in_chinese() -> None:
    chinese = translator("zh")
    for segment in SEGMENTS:
        for text in (segment.name, segment.begin, segment.end):
            assert chinese.knows(text), text
    for doubt in (*anatomy_doubts(()), *anatomy_doubts({"D1", "RI"}, {"LM"})):
        assert chinese.sentence(doubt) != doubt
