"""The named bronchi of a digital patient: where each ends, what it is called, how wide it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import FloatArray

WEIBEL_DIAMETER_MM = (18.0, 12.2, 8.3, 5.6, 4.5, 3.5, 2.8)
"""Lumen diameter of generations 0 to 6 (Weibel 1963, Morphometry of the human lung)."""

DEEPER_RATIO = 0.79
"""Diameter of a generation over that of the one before, past generation 6 (2 to the power of -1/3, Weibel 1963)."""

Vector = tuple[float, float, float]

VARIANTS = ("tracheal_bronchus", "missing_lb7", "lb7", "accessory_cardiac")


def weibel_radius_mm(generation: int) -> float:
    """Return the lumen radius of a generation."""
    last = len(WEIBEL_DIAMETER_MM) - 1
    return 0.5 * WEIBEL_DIAMETER_MM[min(generation, last)] * DEEPER_RATIO ** max(generation - last, 0)


@dataclass(frozen=True)
class NamedBronchus:
    """One bronchus of the template.

    Parameters
    ----------
    key, parent
        Unique names; the parent of the trachea is None.
    code
        Anatomical code: lobar stems carry the code of their lobe.
    course_mm
        From its start to its end, LPS mm in the template.
    radius_mm
        Of the lumen.
    lobe
        Label of the lobe it supplies (1 to 5), 0 for the central airways.
    """

    key: str
    parent: str | None
    code: str
    course_mm: tuple[float, float, float]
    radius_mm: float
    lobe: int = 0

    @property
    def is_segmental(self) -> bool:
        """Whether the bronchus supplies one segment, below which the tree is grown."""
        return self.code[:2] in ("RB", "LB") and self.code[2:3].isdigit()


def _row(key: str, parent: str | None, course: tuple[float, float, float], generation: float, lobe: int = 0) -> NamedBronchus:
    low = int(generation)
    radius = weibel_radius_mm(low) ** (1.0 - (generation - low)) * weibel_radius_mm(low + 1) ** (generation - low)
    return NamedBronchus(key, parent, key.split(".", maxsplit=1)[0], course, radius, lobe)


def _upper_right(order: int) -> list[NamedBronchus]:
    rows: dict[str, Vector] = {"RB1": (-7.0, 1.0, 25.0), "RB2": (-17.0, 17.0, 11.0), "RB3": (-17.0, -20.0, 3.0)}
    pairs: tuple[tuple[str, ...], ...] = ((), ("RB1", "RB2"), ("RB1", "RB3"), ("RB2", "RB3"))
    pair = pairs[order % 4]
    result = [_row("RULB", "RMB", (-13.0, 2.0, 3.0), 2, 1)]
    if pair:
        result.append(_row("RULB.stem", "RULB", _between([rows[name] for name in pair], 0.35), 2.5, 1))
    result.extend(_row(name, "RULB.stem" if name in pair else "RULB", course, 3.3, 1) for name, course in rows.items())
    return result


def _basal(side: str, order: int, medial: str) -> list[NamedBronchus]:
    """Return the basal trunk and its segments.

    ``medial`` tells where the medial basal bronchus leaves: from the ``"trunk"``, first and on its own, as on the right; with
    the anterior basal one (``"shared"``: the anteromedial B7+8 that is usual on the left); or nowhere (``"none"``).
    """
    mirror = -1.0 if side == "R" else 1.0
    lobe, stem = (3, "RLLB") if side == "R" else (5, "LLLB")
    courses: dict[str, Vector] = {
        f"{side}B8": (mirror * 15.0, -13.0, -14.0),
        f"{side}B9": (mirror * 16.0, 5.0, -17.0),
        f"{side}B10": (mirror * 6.0, 15.0, -18.0),
    }
    trunk = (-11.0, 7.0, -13.0) if side == "R" else (7.0, 3.0, -13.0)
    rows = [_row(f"{stem}.basal", f"{stem}", trunk, 3, lobe)]
    below = f"{stem}.basal"
    if medial == "trunk":
        rows.append(_row(f"{side}B7", below, (mirror * -5.0, -5.0, -15.0), 4, lobe))
        rows.append(_row(f"{stem}.lower", below, (mirror * 4.0, 2.0, -9.0), 3.3, lobe))
        below = f"{stem}.lower"
    single, pair = ((f"{side}B8", (f"{side}B9", f"{side}B10")), (f"{side}B10", (f"{side}B8", f"{side}B9")))[order % 2]
    rows.append(_row(f"{stem}.pair", below, _between([courses[name] for name in pair], 0.36), 3.5, lobe))
    for name in (single, *pair):
        above = below if name == single else f"{stem}.pair"
        if medial == "shared" and name == f"{side}B8":
            rows.append(_row(f"{stem}.anteromedial", above, (mirror * 3.0, -3.0, -7.0), 3.5, lobe))
            above = f"{stem}.anteromedial"
            rows.append(_row(f"{side}B7", above, (mirror * -5.0, -3.0, -13.0), 4.2, lobe))
        rows.append(_row(name, above, courses[name], 3.9 if name == single else 4.0, lobe))
    return rows


def _between(courses: list[Vector], share: float) -> Vector:
    """Return the course of the trunk that some bronchi share."""
    x, y, z = np.mean(courses, axis=0) * share
    return float(x), float(y), float(z)


_LEFT_MEDIAL = {"missing_lb7": "none", "lb7": "trunk"}
"""Where LB7 leaves in a variant; otherwise it shares a stem with LB8."""


def named_bronchi(variant: str | None, orders: tuple[int, int, int]) -> tuple[NamedBronchus, ...]:
    """Return the named bronchi, parents first.

    Courses follow the descriptions of Jackson and Huber 1943, "Correlated applied anatomy of the bronchial tree and lungs with
    a system of nomenclature"; lengths are chosen: the right main bronchus is short and steep, the left one about 48 mm long.

    Parameters
    ----------
    variant
        One of :data:`VARIANTS` or None: RB7 on its own, LB7 on one stem with LB8. ``lb7`` gives LB7 an origin of its own.
    orders
        How the right upper lobe (0 to 3), the right (0, 1) and the left basal segments (0, 1) divide.

    Raises
    ------
    ValueError
        When the variant is unknown.
    """
    if variant is not None and variant not in VARIANTS:
        raise ValueError(f"the variant must be one of {VARIANTS} or None, got {variant!r}")
    upper = _upper_right(orders[0])
    if variant == "tracheal_bronchus":
        upper = _tracheal_right_upper()
    rows = [
        _row("trachea", None, (-2.0, 15.0, -100.0), 0),
        *_above_carina(variant),
        _row("RMB", _carina(variant), (-17.0, 3.0, -19.0), 1),
        _row("LMB", _carina(variant), (36.0, 10.0, -30.0), 1.1),
        *upper,
        _row("BI", "RMB", (-9.0, 4.0, -25.0), 1.7),
        _row("RMLB", "BI", (-13.0, -17.0, -9.0), 2.8, 2),
        _row("RB4", "RMLB", (-19.0, -6.0, -3.0), 3.8, 2),
        _row("RB5", "RMLB", (-6.0, -19.0, -7.0), 3.8, 2),
        _row("RLLB", "BI", (-5.0, 5.0, -7.0), 2.1, 3),
        _row("RB6", "RLLB", (-7.0, 22.0, -1.0), 3.4, 3),
        *_basal("R", orders[1], "trunk"),
        _row("LULB", "LMB", (11.0, -5.0, 3.0), 2, 4),
        _row("LUDB", "LULB", (4.0, -4.0, 11.0), 2.7, 4),
        _row("LB1+2", "LUDB", (7.0, 12.0, 23.0), 3.4, 4),
        _row("LB3", "LUDB", (13.0, -22.0, 7.0), 3.4, 4),
        _row("LingB", "LULB", (13.0, -12.0, -10.0), 2.9, 4),
        _row("LB4", "LingB", (16.0, -7.0, -2.0), 3.8, 4),
        _row("LB5", "LingB", (10.0, -18.0, -9.0), 3.8, 4),
        _row("LLLB", "LMB", (4.0, 6.0, -12.0), 2.1, 5),
        _row("LB6", "LLLB", (8.0, 21.0, 0.0), 3.4, 5),
        *_basal("L", orders[2], _LEFT_MEDIAL.get(variant or "", "shared")),
    ]
    if variant == "accessory_cardiac":
        rows.append(_row("accessory_cardiac", "BI.upper", (10.0, -4.0, -9.0), 4.5))
        rows = _split_intermediate(rows)
    return tuple(_parents_first(rows))


def _above_carina(variant: str | None) -> list[NamedBronchus]:
    return [] if variant != "tracheal_bronchus" else [_row("trachea.lower", "trachea", (0.0, 3.0, -16.0), 0)]


def _carina(variant: str | None) -> str:
    return "trachea.lower" if variant == "tracheal_bronchus" else "trachea"


def _tracheal_right_upper() -> list[NamedBronchus]:
    """RB1 leaves the trachea above the carina; RB2 and RB3 keep their place (the displaced type of a tracheal bronchus)."""
    return [
        _row("RB1", "trachea", (-33.0, 8.0, 22.0), 3.0, 1),
        _row("RULB", "RMB", (-13.0, 2.0, 3.0), 2.2, 1),
        _row("RB2", "RULB", (-17.0, 17.0, 11.0), 3.3, 1),
        _row("RB3", "RULB", (-17.0, -20.0, 3.0), 3.3, 1),
    ]


def _split_intermediate(rows: list[NamedBronchus]) -> list[NamedBronchus]:
    """Let the accessory cardiac bronchus leave the medial wall of the bronchus intermedius half way down."""
    result = []
    for row in rows:
        if row.key == "BI":
            x, y, z = (0.5 * value for value in row.course_mm)
            result.append(NamedBronchus("BI.upper", "RMB", "BI", (x, y, z), row.radius_mm))
            result.append(NamedBronchus("BI", "BI.upper", "BI", (x, y, z), row.radius_mm))
        else:
            result.append(row)
    return result


def _parents_first(rows: list[NamedBronchus]) -> list[NamedBronchus]:
    done: list[NamedBronchus] = []
    keys: set[str | None] = {None}
    waiting = list(rows)
    while waiting:
        ready = [row for row in waiting if row.parent in keys]
        done.extend(ready)
        keys.update(row.key for row in ready)
        waiting = [row for row in waiting if row.key not in keys]
    return done


def curve(start_mm: FloatArray, end_mm: FloatArray, arriving: FloatArray, step_mm: float = 0.6) -> FloatArray:
    """Return a smooth course (N, 3): it leaves between the parent's direction and its own chord."""
    chord = end_mm - start_mm
    length = float(np.linalg.norm(chord))
    first = 0.35 * arriving * length + 0.65 * chord
    t = np.linspace(0.0, 1.0, max(int(np.ceil(length / step_mm)) + 1, 3))[:, None]
    return np.asarray(
        (2 * t**3 - 3 * t**2 + 1) * start_mm
        + (t**3 - 2 * t**2 + t) * first
        + (-2 * t**3 + 3 * t**2) * end_mm
        + (t**3 - t**2) * (chord + 0.2 * (chord - first))
    )
