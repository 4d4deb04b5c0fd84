"""What the anatomy books say of where each bronchus goes: directions for the template matching of ``labels``.

Directions are written for the patient in LPS (left, posterior, superior) for the RIGHT lung; the left lung has its own
where it differs and the mirror image where it does not. They are read off the descriptions and plates of Jackson and
Huber 1943 and Boyden 1955 (titles in ``naming``), rounded to about 10 degrees:
they are not fitted to any data, least of all to the digital patients that the benchmark runs on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, unit

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Template:
    """One bronchus to look for.

    Parameters
    ----------
    code
        Group or segment code.
    territory
        Direction (LPS) from the reference point of its group to the territory that it supplies.
    more
        Further such directions, for a group that supplies parts lying in different directions.
    heading
        Direction (LPS) from where the bronchus leaves its trunk to the middle of all that it supplies; the zero vector
        where that says no more than ``territory``.
    course
        Direction (LPS) in which the bronchus itself sets out.
    place
        Where its territory lies relative to the centre of its group, in units of the group's spread (LPS).
    absent_cost
        What it costs the assignment to leave this bronchus out: small where absence is a common variant.
    """

    code: str
    territory: Vector
    course: Vector
    place: Vector
    absent_cost: float = 0.5
    more: tuple[Vector, ...] = ()
    heading: Vector = (0.0, 0.0, 0.0)

    def territories(self) -> FloatArray:
        """Return the unit directions (n, 3) of the parts of the territory."""
        return unit(np.array([self.territory, *self.more]))

    def vectors(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return unit territory, unit course and place, each (3,)."""
        return unit(self.territory), unit(self.course), np.asarray(self.place, dtype=np.float64)

    def unit_heading(self) -> FloatArray:
        """Return the unit heading (3,), zero where there is none."""
        heading = np.asarray(self.heading, dtype=np.float64)
        return unit(heading) if heading.any() else heading


@dataclass(frozen=True)
class Family:
    """Bronchi that compete for the branches below one trunk.

    Parameters
    ----------
    templates
        The members.
    trunks
        Sets of members that a common trunk may carry, with the extra cost of that variant; a set that is not listed
        costs ``odd_trunk_cost``.
    largest_share
        The largest share of the family's tips that one member may supply at no extra cost.
    named_as_lobe
        Whether the trunk of all members is the lobar bronchus; the basal trunk is not, as B6 leaves above it.
    """

    templates: tuple[Template, ...]
    trunks: dict[frozenset[str], float]
    odd_trunk_cost: float = 0.6
    largest_share: float = 1.0
    named_as_lobe: bool = True


def names_of(family: Family, mask: int) -> frozenset[str]:
    """Return the codes of a bit mask of members."""
    return frozenset(template.code for index, template in enumerate(family.templates) if mask >> index & 1)


def _sets(**costs: float) -> dict[frozenset[str], float]:
    return {frozenset(key.split("_")): cost for key, cost in costs.items()}


GROUP_UPPER, GROUP_MIDDLE, GROUP_SIX, GROUP_BASAL = "upper", "middle", "six", "basal"
"""The four parts of a lung that leave the trunk on their own; "middle" is the lingula on the left."""

RIGHT_LUNG = Family(
    (
        Template(
            "upper",
            (-0.45, 0.00, 0.90),
            (-0.90, -0.10, 0.35),
            (-0.1, -0.1, 1.3),
            more=((-0.80, 0.40, 0.40), (-0.75, -0.65, 0.05)),
            heading=(-0.65, -0.10, 0.60),
        ),
        Template(
            "middle",
            (-0.60, -0.60, -0.50),
            (-0.40, -0.75, -0.50),
            (-0.1, -1.2, -0.1),
            0.3,
            more=((-0.30, -0.75, -0.60),),
            heading=(-0.50, -0.75, -0.45),
        ),
        Template("six", (-0.50, 0.75, -0.35), (-0.30, 0.90, 0.05), (0.0, 1.0, 0.2), 0.25, heading=(-0.40, 0.90, -0.10)),
        Template(
            "basal",
            (-0.60, 0.20, -0.80),
            (-0.25, 0.25, -0.93),
            (0.0, 0.2, -1.0),
            absent_cost=0.4,
            more=((-0.60, -0.15, -0.80), (-0.40, 0.45, -0.80), (-0.25, 0.05, -0.97)),
            heading=(-0.35, 0.20, -0.92),
        ),
    ),
    _sets(upper_middle_six_basal=0.0, middle_six_basal=0.0, six_basal=0.0, middle_basal=0.05),
)

LEFT_LUNG = Family(
    (
        Template(
            "upper", (0.50, 0.05, 0.85), (0.45, -0.30, 0.85), (0.0, -0.2, 1.2), more=((0.70, 0.50, 0.40), (0.80, -0.55, 0.05)),
            heading=(0.45, -0.20, 0.80),
        ),
        Template(
            "middle", (0.75, -0.55, -0.35), (0.55, -0.65, -0.50), (0.1, -1.0, -0.1), more=((0.55, -0.60, -0.60),),
            heading=(0.60, -0.60, -0.50),
        ),
        Template("six", (0.60, 0.70, -0.30), (0.30, 0.90, 0.05), (0.0, 1.0, 0.3), 0.25, heading=(0.40, 0.90, -0.10)),
        Template(
            "basal", (0.65, 0.25, -0.75), (0.35, 0.30, -0.90), (0.0, 0.2, -1.0), 0.4,
            more=((0.65, -0.10, -0.75), (0.45, 0.45, -0.78)), heading=(0.40, 0.20, -0.90),
        ),
    ),
    _sets(upper_middle_six_basal=0.0, upper_middle=0.0, six_basal=0.0, middle_six_basal=0.3),
)  # fmt: skip

RIGHT_SEGMENTS: dict[str, Family] = {
    "upper": Family(
        (
            Template("RB1", (-0.20, 0.00, 0.98), (-0.20, -0.05, 0.98), (0.3, 0.0, 1.2)),
            Template("RB2", (-0.55, 0.75, 0.35), (-0.55, 0.70, 0.45), (-0.2, 1.1, -0.1)),
            Template("RB3", (-0.50, -0.85, -0.10), (-0.45, -0.88, 0.10), (-0.1, -1.1, -0.8)),
        ),
        _sets(RB1_RB2_RB3=0.0, RB1_RB2=0.02, RB1_RB3=0.02, RB2_RB3=0.03),
    ),
    "middle": Family(
        (
            Template("RB4", (-0.80, -0.45, -0.40), (-0.80, -0.45, -0.40), (-0.9, 0.4, 0.1)),
            Template("RB5", (-0.15, -0.80, -0.55), (-0.15, -0.80, -0.55), (0.8, -0.4, -0.3)),
        ),
        _sets(RB4_RB5=0.0),
    ),
    "six": Family((Template("RB6", (-0.35, 0.90, 0.10), (-0.30, 0.90, 0.05), (0.0, 0.0, 0.0)),), {}),
    "basal": Family(
        (
            Template("RB7", (0.30, -0.25, -0.90), (0.40, -0.35, -0.85), (1.2, -0.5, 0.1), absent_cost=0.15),
            Template("RB8", (-0.60, -0.55, -0.60), (-0.60, -0.55, -0.60), (-0.3, -1.1, 0.3)),
            Template("RB9", (-0.65, 0.10, -0.75), (-0.60, 0.10, -0.80), (-0.8, 0.1, -0.2)),
            Template("RB10", (-0.15, 0.55, -0.82), (-0.15, 0.50, -0.85), (0.3, 1.0, -0.3)),
        ),
        _sets(
            RB7_RB8_RB9_RB10=0.0, RB8_RB9_RB10=0.0, RB9_RB10=0.0, RB8_RB9=0.03, RB7_RB8=0.15,
            RB7_RB9_RB10=0.1, RB7_RB8_RB9=0.1,
        ),
        largest_share=0.45,
        named_as_lobe=False,
    ),
}  # fmt: skip

LEFT_SEGMENTS: dict[str, Family] = {
    "upper": Family(
        (
            Template("LB1+2", (0.30, 0.35, 0.90), (0.25, 0.30, 0.92), (0.0, 0.8, 0.6)),
            Template("LB3", (0.45, -0.85, 0.25), (0.35, -0.85, 0.40), (0.0, -0.9, -0.6)),
        ),
        {frozenset({"LB1+2", "LB3"}): 0.0},
    ),
    "middle": Family(
        (
            Template("LB4", (0.75, -0.60, -0.20), (0.75, -0.60, -0.25), (0.5, 0.0, 0.6)),
            Template("LB5", (0.40, -0.65, -0.65), (0.40, -0.65, -0.65), (-0.5, 0.0, -0.6)),
        ),
        _sets(LB4_LB5=0.0),
    ),
    "six": Family((Template("LB6", (0.35, 0.90, 0.10), (0.30, 0.90, 0.05), (0.0, 0.0, 0.0)),), {}),
    "basal": Family(
        (
            Template("LB7", (-0.25, -0.35, -0.90), (-0.35, -0.40, -0.85), (-1.2, -0.6, 0.1), absent_cost=0.06),
            Template("LB8", (0.50, -0.60, -0.62), (0.50, -0.60, -0.62), (0.1, -1.1, 0.3)),
            Template("LB9", (0.65, 0.10, -0.75), (0.60, 0.10, -0.80), (0.8, 0.1, -0.2)),
            Template("LB10", (0.15, 0.55, -0.82), (0.15, 0.50, -0.85), (-0.2, 1.0, -0.3)),
        ),
        _sets(
            LB7_LB8_LB9_LB10=0.0, LB8_LB9_LB10=0.0, LB9_LB10=0.0, LB7_LB8=0.0, LB8_LB9=0.03,
            LB7_LB9_LB10=0.1, LB7_LB8_LB9=0.1,
        ),
        largest_share=0.45,
        named_as_lobe=False,
    ),
}  # fmt: skip

SEGMENTS = {"right": RIGHT_SEGMENTS, "left": LEFT_SEGMENTS}
LUNGS = {"right": RIGHT_LUNG, "left": LEFT_LUNG}

GROUP_LOBAR_CODE = {
    ("right", "upper"): "RULB", ("right", "middle"): "RMLB", ("right", "six"): "RLLB", ("right", "basal"): "RLLB",
    ("left", "upper"): "LUDB", ("left", "middle"): "LingB", ("left", "six"): "LLLB", ("left", "basal"): "LLLB",
}  # fmt: skip
"""The code of the trunk that a group hangs on: what a branch is called whose segment is not certain."""

SUBSEGMENTS: dict[str, tuple[tuple[str, Vector], ...]] = {
    "RB1": (("a", (-0.10, 0.60, 0.80)), ("b", (-0.10, -0.60, 0.80))),
    "RB2": (("a", (-0.30, 0.80, 0.50)), ("b", (-0.80, 0.50, -0.20))),
    "RB3": (("a", (-0.85, -0.50, -0.10)), ("b", (-0.20, -0.95, -0.20))),
    "RB4": (("a", (-0.90, 0.00, -0.30)), ("b", (-0.60, -0.70, -0.40))),
    "RB5": (("a", (-0.20, -0.95, -0.20)), ("b", (-0.10, -0.60, -0.80))),
    "RB6": (("a", (-0.10, 0.70, 0.70)), ("b", (-0.90, 0.40, -0.10)), ("c", (0.10, 0.80, -0.60))),
    "RB7": (("a", (0.30, -0.80, -0.50)), ("b", (0.30, 0.30, -0.90))),
    "RB8": (("a", (-0.90, -0.20, -0.40)), ("b", (-0.30, -0.70, -0.65))),
    "RB9": (("a", (-0.90, 0.10, -0.40)), ("b", (-0.30, 0.20, -0.93))),
    "RB10": (("a", (-0.10, 0.90, -0.40)), ("b", (-0.50, 0.30, -0.80)), ("c", (0.40, 0.30, -0.85))),
    "LB1+2": (("a", (0.10, 0.00, 1.00)), ("b", (0.20, 0.80, 0.55)), ("c", (0.80, 0.55, -0.10))),
    "LB3": (("a", (0.85, -0.50, -0.10)), ("b", (0.20, -0.95, -0.20)), ("c", (0.20, -0.60, 0.75))),
    "LB4": (("a", (0.90, 0.00, -0.10)), ("b", (0.50, -0.85, -0.20))),
    "LB5": (("a", (0.60, -0.70, -0.30)), ("b", (0.30, -0.50, -0.80))),
    "LB6": (("a", (0.10, 0.70, 0.70)), ("b", (0.90, 0.40, -0.10)), ("c", (-0.10, 0.80, -0.60))),
    "LB7": (("a", (-0.30, -0.80, -0.50)), ("b", (-0.30, 0.30, -0.90))),
    "LB8": (("a", (0.90, -0.20, -0.40)), ("b", (0.30, -0.70, -0.65))),
    "LB9": (("a", (0.90, 0.10, -0.40)), ("b", (0.30, 0.20, -0.93))),
    "LB10": (("a", (0.10, 0.90, -0.40)), ("b", (0.50, 0.30, -0.80)), ("c", (-0.40, 0.30, -0.85))),
}
"""Subsegmental letters with the direction each takes from the end of its segmental bronchus (Boyden 1955)."""
