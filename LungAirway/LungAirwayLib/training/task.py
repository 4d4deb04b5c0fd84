"""The airway network's training, in the terms that all organs share, and what its bundle says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from SenseCarePlanningLib.training.bank import IGNORE, TrainingCase
from SenseCarePlanningLib.training.export import BundleText
from SenseCarePlanningLib.training.network import FILTERS
from SenseCarePlanningLib.training.task import Target, TrainingTask

from .augment import augment_hu
from .bank import LUMEN, LUMEN_ONLY, SPACING_MM, VESSEL, WALL, open_bank

__all__ = ["AIRWAY", "FILTERS", "TEXT", "choose_case", "with_last_look"]

KINDS = (("small", 0.5), ("large", 0.2), ("vessel", 0.15), ("lung", 0.15))
"""Half of the patches on small airways."""
SOURCES = {"mask": 0.62, "thorax": 0.26, "real": 0.12}
"""How often patches come from CTs around real trees, procedural patients and real texture, where all are there."""
WINDOW_HU = (-1024.0, 300.0)


def choose_case(cases: tuple[TrainingCase, ...], rng: np.random.Generator) -> TrainingCase:
    """Draw the source first, then a case of it, the more often the more small airways it has."""
    present = sorted({case.source for case in cases})
    weights = np.array([SOURCES[source] for source in present])
    source = present[int(rng.choice(len(present), p=weights / weights.sum()))]
    own = [case for case in cases if case.source == source]
    thin = np.array([1.0 + len(case.points.get("small", ())) for case in own])
    return own[int(rng.choice(len(own), p=thin / thin.sum()))]


def modernised(state: Mapping[str, Any], fresh: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the weights of any version for this network; a bundle up to version 0.2.0 has no last look."""
    return with_last_look(state, fresh) if "4.weight" in state else state


def with_last_look(state: Mapping[str, Any], fresh: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of a network that ended with the transposed convolution (versions up to 0.2.0) for this one.

    The answer stays the same to the rounding: the last look begins by passing on what the U-Net says, the positive and the
    negative part each in a channel of its own, and its other channels count nothing yet.

    Parameters
    ----------
    state
        The older network's weights.
    fresh
        Newly drawn weights of this network; what the older one lacks is taken from here.
    """
    import torch

    out = {key: value.clone() for key, value in fresh.items()}
    count = len(AIRWAY.targets)
    for key, value in state.items():
        if key not in ("4.weight", "4.bias"):
            out[f"0.submodule.{key}"] = value
    out["0.submodule.4.weight"][:, :count] = state["4.weight"]
    out["0.submodule.4.bias"][:count] = state["4.bias"]
    own, other = torch.arange(count), torch.arange(count) + count
    out["1.weight"][: 2 * count], out["1.bias"][: 2 * count] = 0.0, 0.0
    out["1.weight"][own, 1 + own, 1, 1, 1], out["1.weight"][other, 1 + own, 1, 1, 1] = 1.0, -1.0
    out["3.weight"][:], out["3.bias"][:] = 0.0, 0.0
    out["3.weight"][own, own], out["3.weight"][own, other] = 1.0, -1.0
    return out


AIRWAY = TrainingTask(
    name="airway_ct",
    targets=(
        Target("airway_lumen", "lumen", LUMEN, IGNORE, "lumen of trachea and bronchi"),
        Target("airway_wall", "wall", WALL, IGNORE | LUMEN_ONLY, "bronchial wall"),
        Target("lung_vessel", "vessel", VESSEL, IGNORE | LUMEN_ONLY, "vessels of the lungs"),
    ),
    spacing_mm=SPACING_MM,
    window_hu=WINDOW_HU,
    outside_hu=-1024.0,
    kinds=KINDS,
    turned=1.0,
    open_cases=open_bank,
    choose_case=choose_case,
    augment=augment_hu,
    modernise=modernised,
)

TEXT = BundleText(
    title="SenseCare airway CT",
    version="0.3.0",
    task="Airway lumen, airway wall and lung vessels on chest CT",
    description="A small U-Net at half the resolution of 0.7 mm voxels, a last look at the full one; see docs/README.md.",
    intended_use="Research on bronchoscopy planning; not a medical device.",
    patch=144,
    overlap=0.15,
)
