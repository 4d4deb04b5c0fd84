"""A digital coronary patient: a heart made from a seed, whose every artery, plaque and calcification is known exactly."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass

import numpy as np

from .chest import ChestShape
from .coronary_artefacts import Lead, make_lead
from .coronary_calibre import MURRAY
from .coronary_grafts import make_graft
from .coronary_guides import Dominance
from .coronary_heart import Heart, HeartPose, make_heart
from .coronary_lesions import Composition, Lesion, LesionSpec, place_lesions
from .coronary_scene import Surroundings, make_surroundings
from .coronary_sections import Sections, make_sections
from .coronary_tree import INTRAMURAL, Artery, grow_arteries
from .coronary_truth import CoronaryTruth, truth_of
from .coronary_veins import Vein, grow_veins

logger = logging.getLogger(__name__)

LOWER_LPS_MM, UPPER_LPS_MM = np.array([-86.0, -122.0, -136.0]), np.array([114.0, 78.0, 8.0])
"""The scan's box: 200 mm wide about the heart, from the carina to below the diaphragmatic wall."""

HARD_LESIONS = (
    LesionSpec(6, 60.0, Composition.CALCIFIED, eccentric=True, calcium_arc_deg=150.0, calcium_hu=1100.0, length_mm=9.0),
    LesionSpec(2, 55.0, Composition.LIPID, eccentric=True, remodelling=1.2, length_mm=12.0),
    LesionSpec(13, 30.0, Composition.STENT, length_mm=14.0),
)
"""What a hard patient has when no stenosis is asked for."""


@dataclass(frozen=True)
class CoronaryOptions:
    """What the patient and the scan shall be like.

    Parameters
    ----------
    seed
        The same options give the same patient.
    stenoses
        What to place.
    dominance, ramus, absent
        None draws: 88 % right, 7 % left, 5 % balanced; a ramus in 20 %. ``absent`` names branches that do not exist.
    exponent
        Of the law at divisions: Murray's 3, or 7/3 of Huo and Kassab.
    hard
        Weak contrast, twice the noise, cardiac veins as bright as arteries that touch them, a step, a pacemaker lead.
    step_mm
        How far the heart jumps between two slabs of the scan; None: 0, or 1.6 when hard.
    contrast_hu
        Of the aorta at 120 kVp; None: 430, or 270 when hard.
    grafts
        Arteries that a bypass graft feeds, of :data:`.coronary_grafts.TARGETS`.

    Raises
    ------
    ValueError
        When a value is not in its range.
    """

    seed: int = 0
    stenoses: tuple[LesionSpec, ...] = ()
    dominance: Dominance | None = None
    ramus: bool | None = None
    absent: frozenset[str] = frozenset()
    exponent: float = MURRAY
    hard: bool = False
    step_mm: float | None = None
    contrast_hu: float | None = None
    grafts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"the seed must be 0 or more, got {self.seed}")
        if not 2.0 <= self.exponent <= 3.5:
            raise ValueError(f"the exponent must be 2 to 3.5, got {self.exponent}")
        if self.step_mm is not None and not 0.0 <= self.step_mm <= 6.0:
            raise ValueError(f"the step must be 0 to 6 mm, got {self.step_mm}")
        if self.contrast_hu is not None and not 120.0 <= self.contrast_hu <= 900.0:
            raise ValueError(f"the contrast must be 120 to 900 HU, got {self.contrast_hu}")


@dataclass(frozen=True, eq=False, repr=False)
class CoronaryPatient:
    """A digital patient before any scan; lengths in mm, LPS, exact."""

    options: CoronaryOptions
    dominance: Dominance
    heart: Heart
    surroundings: Surroundings
    arteries: tuple[Artery, ...]
    sections: tuple[Sections, ...]
    lesions: tuple[Lesion, ...]
    veins: tuple[Vein, ...]
    lead: Lead | None
    grafts: tuple[Sections, ...] = ()

    @property
    def truth(self) -> CoronaryTruth:
        """What is true of the patient's own arteries; grafts are not among them."""
        return truth_of(list(self.sections), list(self.lesions), self.dominance.value)


def make_coronary_patient(options: CoronaryOptions | None = None) -> CoronaryPatient:
    """Make a digital patient.

    Raises
    ------
    ValueError
        When a stenosis is asked for in a segment that this heart lacks.
    """
    options = options or CoronaryOptions()
    started = time.perf_counter()
    rng = np.random.default_rng([options.seed, 31])
    draws = rng.uniform(size=2)
    dominance = options.dominance or (
        Dominance.RIGHT if draws[0] < 0.88 else Dominance.LEFT if draws[0] < 0.95 else Dominance.BALANCED
    )
    ramus = bool(draws[1] < 0.2) if options.ramus is None else options.ramus
    heart = make_heart(_pose(rng), LOWER_LPS_MM, UPPER_LPS_MM, np.random.default_rng([options.seed, 30]))
    arteries = grow_arteries(heart, dominance, ramus, options.absent, options.exponent, rng)
    specs = options.stenoses or (HARD_LESIONS if options.hard else ())
    lesions = place_lesions(specs, arteries, rng)
    ostium = _ostium_distances(arteries)
    grafts = [make_graft(heart, arteries, target) for target in options.grafts]
    for artery in (item for item in [*arteries, *grafts] if item.name not in INTRAMURAL):
        part = slice(20, None, 6)  # past its origin in the aorta or in another artery
        heart = heart.yielding_to(artery.points_lps_mm[part], artery.outer_mm[part])
    patient = CoronaryPatient(
        options=options,
        dominance=dominance,
        heart=heart,
        surroundings=make_surroundings(
            heart, ChestShape(), LOWER_LPS_MM, UPPER_LPS_MM, np.random.default_rng([options.seed, 32])
        ),
        arteries=tuple(arteries),
        sections=tuple(make_sections(artery, lesions, ostium[artery.name]) for artery in arteries),
        lesions=tuple(lesions),
        veins=tuple(grow_veins(heart, arteries, close=options.hard)),
        lead=make_lead(heart) if options.hard else None,
        grafts=tuple(make_sections(graft, [], 0.0) for graft in grafts),
    )
    logger.info("made a heart with %d arteries in %.1f s", len(arteries), time.perf_counter() - started)
    return patient


def _pose(rng: np.random.Generator) -> HeartPose:
    """Size and turn of one heart: 94 to 104 %, a few degrees about each axis."""
    angles = np.radians(np.clip(rng.normal(0.0, 3.0, 3), -6.0, 6.0))
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        one, two = (n for n in range(3) if n != axis)
        turn = np.eye(3)
        turn[one, one] = turn[two, two] = math.cos(angle)
        turn[one, two], turn[two, one] = -math.sin(angle), math.sin(angle)
        rotation = turn @ rotation
    scale = float(np.clip(rng.normal(0.99, 0.025), 0.94, 1.04))
    return HeartPose(scale, tuple(tuple(float(value) for value in row) for row in rotation))


def _ostium_distances(arteries: list[Artery]) -> dict[str, float]:
    """Return the length of artery between the aorta and each artery's start."""
    found: dict[str, float] = {}
    by_name = {artery.name: artery for artery in arteries}
    for artery in arteries:
        above = by_name.get(artery.parent or "")
        found[artery.name] = 0.0 if above is None else found[above.name] + float(above.arc_mm[artery.parent_index])
    return found
