"""Coronary patients drawn at random: anatomy, disease, contrast and scan, each fully determined by its seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .coronary import CoronaryOptions
from .coronary_calibre import HUO_KASSAB, MURRAY
from .coronary_guides import Dominance
from .coronary_lesions import Composition, LesionSpec, Site
from .coronary_scan import coronary_scanner
from .scanner import Scanner

DOMINANCE_SHARE = (0.7, 0.15, 0.15)
"""Right, left, balanced: the rare forms are drawn more often than they occur (88, 7, 5 %), so that a few hearts hold them all."""
RAMUS_SHARE, ABSENT_SHARE = 0.3, 0.2
MOST_LESIONS = 4
COMPOSITIONS = tuple(Composition)
OCCLUDED_SHARE = 0.08


@dataclass(frozen=True)
class RandomHeart:
    """What to make with :func:`.coronary.make_coronary_patient`, and what to scan it with."""

    options: CoronaryOptions
    scanner: Scanner


def random_heart(seed: int, hard: bool = False) -> RandomHeart:
    """Draw a patient and a scan.

    Parameters
    ----------
    seed
        The same seed gives the same heart.
    hard
        Weak contrast, noise, bright veins, a step and a pacemaker lead, see :class:`.coronary.CoronaryOptions`.

    Raises
    ------
    ValueError
        When the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"the seed must be 0 or more, got {seed}")
    rng = np.random.default_rng([seed, 47, int(hard)])
    dominance = tuple(Dominance)[int(rng.choice(3, p=DOMINANCE_SHARE))]
    ramus = bool(rng.random() < RAMUS_SHARE)
    absent = frozenset(name for name in ("D2", "OM2", "AM") if rng.random() < ABSENT_SHARE)
    kvp = float(rng.choice([80.0, 100.0, 120.0], p=[0.1, 0.5, 0.4]))
    options = CoronaryOptions(
        seed=1000 + seed,
        stenoses=_lesions(_segments(dominance, ramus, absent), rng),
        dominance=dominance,
        ramus=ramus,
        absent=absent,
        exponent=float(rng.choice([MURRAY, HUO_KASSAB])),
        hard=hard,
        contrast_hu=float(rng.uniform(220.0, 300.0) if hard else rng.uniform(320.0, 480.0)),
    )
    spread = float(rng.uniform(0.6, 0.85))
    scanner = coronary_scanner(int(rng.choice([448, 512])), float(rng.uniform(0.4, 0.6)), float(rng.uniform(16.0, 28.0)), spread)
    return RandomHeart(options, _at(scanner, kvp))


def _at(scanner: Scanner, kvp: float) -> Scanner:
    return Scanner(
        scanner.spacing_mm,
        scanner.noise_hu,
        scanner.psf_sigma_inplane_mm,
        scanner.psf_sigma_through_mm,
        kvp=kvp,
        contrast=True,
    )


def _segments(dominance: Dominance, ramus: bool, absent: frozenset[str]) -> list[int]:
    """Return the SCCT numbers that this heart surely has."""
    found = [1, 2, 5, 6, 7, 8, 9, 11, 12, 13]
    found += [] if dominance is Dominance.LEFT else [3, 4]
    found += [15] if dominance is Dominance.LEFT else []
    found += [16] if dominance is Dominance.RIGHT else [18]
    found += [17] if ramus else []
    return found + [number for number, name in ((10, "D2"), (14, "OM2")) if name not in absent]


def _lesions(segments: list[int], rng: np.random.Generator) -> tuple[LesionSpec, ...]:
    count = int(rng.integers(0, MOST_LESIONS + 1))
    chosen = rng.choice(segments, size=count, replace=False)
    return tuple(_lesion(int(number), rng) for number in chosen)


def _lesion(segment: int, rng: np.random.Generator) -> LesionSpec:
    kind = COMPOSITIONS[int(rng.integers(len(COMPOSITIONS)))]
    deepest = 40.0 if kind is Composition.STENT else 85.0
    percent = float(rng.uniform(15.0, deepest))
    if kind is not Composition.STENT and rng.random() < OCCLUDED_SHARE:
        percent = 100.0
    return LesionSpec(
        segment=segment,
        percent=percent,
        composition=kind,
        site=Site.OSTIAL if rng.random() < 0.1 else Site.MIDDLE,
        eccentric=bool(rng.random() < 0.5),
        length_mm=float(rng.uniform(6.0, 18.0)),
        remodelling=float(rng.uniform(1.0, 1.3)),
    )
