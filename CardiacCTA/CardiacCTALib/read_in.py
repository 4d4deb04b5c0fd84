"""Which picture shows what a number of a lesion or segment was read from: a section, the diameter profile, the unrolled wall."""

from __future__ import annotations

from enum import Enum


class ReadIn(Enum):
    """Kinds of pictures that numbers are read in; the value begins the picture's key."""

    NARROWEST = "lesion"
    PROFILE = "profile"
    WALL = "wall"


READ_IN: dict[str, ReadIn] = {
    **dict.fromkeys(
        ("reference_diameter_taper", "reference_diameter_adjacent", "lesion_length", "distance_from_ostium"), ReadIn.PROFILE
    ),
    **dict.fromkeys(
        (
            "calcium_arc", "plaque_volume", "calcified_plaque_volume", "non_calcified_plaque_volume",
            "low_attenuation_plaque_volume", "necrotic_core_volume", "fibro_fatty_volume", "fibrous_volume", "lumen_volume",
            "percent_atheroma_volume",
        ),
        ReadIn.WALL,
    ),
}  # fmt: skip
"""Name of a lesion's measurement -> what shows it; all others are read in the narrowest section."""


def read_in(name: str) -> ReadIn:
    """Return what shows a lesion's measurement."""
    return READ_IN.get(name, ReadIn.NARROWEST)


def picture_key(name: str, number: int, vessel: str) -> str:
    """Return the key of the picture, as ``pictures.make_pictures`` names it, that shows a measurement of a lesion."""
    kind = read_in(name)
    return f"lesion_{number}_B" if kind is ReadIn.NARROWEST else f"{kind.value}_{vessel}"


def probe_name(number: int, letter: str) -> str:
    """Return how a section of a lesion is named in pictures and pages: ``L4-B``, which no grade is called."""
    return f"L{number}-{letter}"
