"""What is wrong with a digital coronary artery: stenoses, plaques and stents, as asked for and as placed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from .coronary_guides import SEGMENT_NAMES
from .coronary_tree import Artery


class Composition(Enum):
    """What a lesion is made of. The names are a file format and the words of the command line."""

    SOFT = "soft"
    LIPID = "lipid"
    FIBROUS = "fibrous"
    CALCIFIED = "calcified"
    MIXED = "mixed"
    NAPKIN_RING = "napkin"
    SPOTTY = "spotty"
    STENT = "stent"


class Site(Enum):
    """Where in its segment a lesion lies."""

    MIDDLE = "middle"
    OSTIAL = "ostial"
    BIFURCATION = "bifurcation"


SOFT_HU, LIPID_HU, FIBROUS_HU, CALCIUM_HU, ARC_DEG = (20.0, 90.0), (0.0, 28.0), (95.0, 130.0), (600.0, 1400.0), (60.0, 360.0)
"""Ranges drawn from when nothing is asked for: low attenuation is below 30 HU (Maurovich-Horvat 2014,
doi:10.1038/nrcardio.2014.60); the others are chosen."""

MOST_STRUT_HU = 20000.0
"""Most that a stent's struts may have; blurred, struts of 0.14 mm of 12000 HU show as 1000 to 1300 HU, as metal stents do."""
WORDS = {"eccentric", "concentric", "tandem", "ostial", "bifurcation"}
NUMBERS = {"len": "length_mm", "ri": "remodelling", "arc": "calcium_arc_deg", "hu": "calcium_hu", "soft": "plaque_hu"}


@dataclass(frozen=True)
class LesionSpec:
    """A lesion to place.

    Parameters
    ----------
    segment
        SCCT number, 1 to 18.
    percent
        Diameter stenosis, 0 to 100.
    composition, site
        See there.
    eccentric
        Plaque on one side, the lumen pushed to the other.
    tandem
        Two of these in a row.
    length_mm
        From healthy to healthy, 4 to 40.
    remodelling
        Outer diameter over the healthy one, 0.9 to 1.6.
    plaque_hu, calcium_hu, calcium_arc_deg
        None draws from the ranges above. ``calcium_hu`` of a stent is that of its struts.

    Raises
    ------
    ValueError
        When a value is not in its range.
    """

    segment: int
    percent: float
    composition: Composition = Composition.SOFT
    site: Site = Site.MIDDLE
    eccentric: bool = False
    tandem: bool = False
    length_mm: float = 10.0
    remodelling: float = 1.0
    plaque_hu: float | None = None
    calcium_hu: float | None = None
    calcium_arc_deg: float | None = None

    def __post_init__(self) -> None:
        _within("segment", self.segment, 1, 18)
        _within("stenosis", self.percent, 0.0, 100.0)
        _within("length", self.length_mm, 4.0, 40.0)
        _within("remodelling", self.remodelling, 0.9, 1.6)
        for name, value, low, high in (
            ("plaque", self.plaque_hu, -30.0, 350.0),
            ("calcium", self.calcium_hu, 130.0, MOST_STRUT_HU if self.composition is Composition.STENT else 2500.0),
            ("calcium arc", self.calcium_arc_deg, 10.0, 360.0),
        ):
            if value is not None:
                _within(name, value, low, high)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"the {name} must be {low:g} to {high:g}, got {value:g}")


def read_lesion(text: str) -> LesionSpec:
    """Read ``SEGMENT:PERCENT:KIND``, such as ``7:50:soft`` or ``pLAD:70:calcified+eccentric+arc120+hu1000+len12+ri1.2``.

    Raises
    ------
    ValueError
        When it is written in another way.
    """
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise ValueError(f"the stenosis {text!r} is not written like 7:50:soft or pLAD:70:calcified+eccentric")
    numbers = {name.lower(): number for number, name in SEGMENT_NAMES.items()}
    try:
        segment = numbers.get(parts[0].lower()) or int(parts[0])
        spec = LesionSpec(segment, float(parts[1]))
    except ValueError as error:
        raise ValueError(f"the stenosis {text!r}: {error}") from None
    for word in parts[2].split("+") if len(parts) == 3 else ():
        spec = _with_word(spec, word.lower(), text)
    return spec


def _with_word(spec: LesionSpec, word: str, text: str) -> LesionSpec:
    number = re.fullmatch(r"(len|ri|arc|hu|soft)(\d+(?:\.\d+)?)", word)
    if number is not None:
        changed: dict[str, float] = {NUMBERS[number.group(1)]: float(number.group(2))}
        return replace(spec, **changed)  # type: ignore[arg-type]
    if word in {item.value for item in Composition}:
        return replace(spec, composition=Composition(word))
    if word in ("ostial", "bifurcation"):
        return replace(spec, site=Site(word))
    if word in ("eccentric", "concentric"):
        return replace(spec, eccentric=word == "eccentric")
    if word == "tandem":
        return replace(spec, tandem=True)
    known = sorted({item.value for item in Composition} | WORDS)
    raise ValueError(f"the stenosis {text!r}: {word!r} is none of {', '.join(known)} or len, ri, arc, hu, soft with a number")


@dataclass(frozen=True)
class Lesion:
    """A lesion in its place; everything that the specification left open is drawn.

    Parameters
    ----------
    spec
        What was asked for.
    artery
        Its name.
    centre_mm, length_mm
        Along the artery.
    angle_deg
        Direction of the thickest plaque in the artery's frame, from "up" towards "left".
    plaque_hu, core_hu, calcium_hu, calcium_arc_deg
        At 120 kVp.
    """

    spec: LesionSpec
    artery: str
    centre_mm: float
    length_mm: float
    angle_deg: float
    plaque_hu: float
    core_hu: float
    calcium_hu: float
    calcium_arc_deg: float


def place_lesions(specs: tuple[LesionSpec, ...], arteries: list[Artery], rng: np.random.Generator) -> list[Lesion]:
    """Put lesions where their segments are, away from divisions and from each other unless asked to be there.

    Raises
    ------
    ValueError
        When this heart lacks the segment, or it is too short.
    """
    taken: dict[str, list[tuple[float, float]]] = {}
    found: list[Lesion] = []
    for spec in specs:
        artery = next((item for item in arteries if np.any(item.segment == spec.segment)), None)
        if artery is None:
            raise ValueError(f"this heart has no segment {spec.segment} ({SEGMENT_NAMES[spec.segment]})")
        count = 2 if spec.tandem else 1
        for centre, length in _centres(spec, artery, arteries, taken.get(artery.name, []), count):
            taken.setdefault(artery.name, []).append((centre, length))
            found.append(_drawn(spec, artery.name, centre, length, rng))
    return found


def _drawn(spec: LesionSpec, artery: str, centre_mm: float, length_mm: float, rng: np.random.Generator) -> Lesion:
    low, high = {Composition.FIBROUS: FIBROUS_HU, Composition.CALCIFIED: FIBROUS_HU}.get(spec.composition, SOFT_HU)
    if spec.composition in (Composition.LIPID, Composition.NAPKIN_RING):
        low = 45.0  # the core must be darker than what is around it
    draws = [float(rng.uniform(*pair)) for pair in ((0.0, 360.0), (low, high), LIPID_HU, CALCIUM_HU, ARC_DEG)]
    if spec.composition is Composition.MIXED:
        draws[4] = 60.0 + (draws[4] - 60.0) * 0.3
    given = (None, spec.plaque_hu, None, spec.calcium_hu, spec.calcium_arc_deg)
    values = [drawn if wanted is None else wanted for drawn, wanted in zip(draws, given, strict=True)]
    return Lesion(spec, artery, centre_mm, length_mm, *values)


def _centres(
    spec: LesionSpec, artery: Artery, arteries: list[Artery], taken: list[tuple[float, float]], count: int
) -> list[tuple[float, float]]:
    """Return centre and length of one lesion, or of two in a row."""
    arc = artery.arc_mm
    own = arc[artery.segment == spec.segment]
    low, high = float(own[0]), float(own[-1])
    length = min(spec.length_mm, 0.9 * (high - low) / count)
    if length < 3.0:
        raise ValueError(f"segment {spec.segment} is {high - low:.0f} mm long here, too short for the lesion")
    origins = [float(arc[item.parent_index]) for item in arteries if item.parent == artery.name]
    if spec.site is Site.OSTIAL:
        return [(low + 0.35 * length + n * 1.15 * length, length) for n in range(count)]
    if spec.site is Site.BIFURCATION:
        here = [place for place in origins if low - 0.5 <= place <= high + 0.5] or [high]
        return [(here[0] - 0.25 * length - n * 1.15 * length, length) for n in range(count)]
    reach = 0.5 * length * (1.0 + 1.15 * (count - 1))
    candidates = np.linspace(low + reach, high - reach, 60)
    room = np.full(len(candidates), 1e3)
    for place in origins:
        room = np.minimum(room, np.abs(candidates - place) - reach)
    for centre, width in taken:
        room = np.minimum(room, np.abs(candidates - centre) - reach - 0.5 * width)
    room = np.minimum(room, 3.0) - 0.02 * np.abs(candidates - 0.5 * (low + high)) / (high - low)
    best = float(candidates[int(np.argmax(room))])
    return [(best + (n - 0.5 * (count - 1)) * 1.15 * length, length) for n in range(count)]
