"""Proposed file names are legal on Windows, macOS and Linux."""

from __future__ import annotations

import pytest

from SenseCarePlanningLib.file_names import LONGEST_BYTES, file_name_of


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1: Simulated chest CT Route 1", "1 Simulated chest CT Route 1"),
        ("Thorax 1.5 B60f/lung", "Thorax 1.5 B60f lung"),
        ('a<b>c:d"e/f\\g|h?i*j', "a b c d e f g h i j"),
        ("tab\there\nand\x00there", "tab here and there"),
        ("ends with a dot. ", "ends with a dot"),
        ("..hidden", "hidden"),
        ("con", "con_"),
        ("NUL.txt", "NUL_.txt"),
        ("COM1", "COM1_"),
        ("CONTRAST", "CONTRAST"),
        ("胸部 CT：肺窗", "胸部 CT：肺窗"),
        ("", "file"),
        (" .:/. ", "file"),
    ],
)
def test_a_name_is_legal_everywhere(text: str, name: str) -> None:
    assert file_name_of(text) == name


def test_a_long_name_is_cut_between_letters() -> None:
    name = file_name_of("肺" * 200)
    assert set(name) == {"肺"}
    assert LONGEST_BYTES - 3 < len(name.encode()) <= LONGEST_BYTES


def test_a_cut_name_does_not_end_in_a_space() -> None:
    assert not file_name_of("a" * (LONGEST_BYTES - 1) + " tail").endswith(" ")


def test_what_nothing_is_left_of_has_the_name_that_is_given() -> None:
    assert file_name_of("::", otherwise="video") == "video"
