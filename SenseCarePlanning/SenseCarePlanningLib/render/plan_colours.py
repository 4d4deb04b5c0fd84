"""What a plan's colours mean: the same in the panel, the scene, the report and the video."""

from __future__ import annotations

Colour = tuple[int, int, int]

ROUTE: Colour = (235, 52, 52)
"""The way through the visible lumen."""
PAST_LUMEN: Colour = (255, 40, 220)
"""The guessed way past the last visible lumen: unlike the route, every lobe's colour and the outline of the airway, on white and
on black alike."""
OTHER_WAYS: tuple[Colour, Colour] = ((255, 235, 59), (64, 196, 255))
"""Further guesses that are only compared."""
TARGET: Colour = (30, 200, 70)
PAST_LUMEN_RADIUS_MM = 1.6
"""Thick enough to be seen among thin branches in a picture of a whole lung."""


def as_fractions(colour: Colour) -> tuple[float, float, float]:
    """Return a colour (0 to 255) as VTK takes it (0 to 1)."""
    red, green, blue = (part / 255.0 for part in colour)
    return (red, green, blue)
