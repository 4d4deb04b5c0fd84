"""The coronary network's training, in the terms that all organs share, and what its bundle says."""

from __future__ import annotations

import numpy as np

from SenseCarePlanningLib.training.bank import IGNORE, TrainingCase
from SenseCarePlanningLib.training.export import BundleText
from SenseCarePlanningLib.training.task import Target, TrainingTask

from ..coronary_network import ARTERY_CHANNEL, SPACING_MM, VEIN_CHANNEL, WINDOW_HU
from .augment import augment_heart
from .hearts import ARTERY, VEIN, open_hearts

FILTERS = (16, 32, 48, 64)
"""Half the width of the airway's: it was trained within minutes of a processor."""


def choose_heart(cases: tuple[TrainingCase, ...], rng: np.random.Generator) -> TrainingCase:
    """Draw a hard heart or a normal one, each as often as the other where both are there, then one of its kind."""
    kinds = sorted({case.source for case in cases})
    source = kinds[int(rng.integers(len(kinds)))]
    own = [case for case in cases if case.source == source]
    return own[int(rng.integers(len(own)))]


CORONARY = TrainingTask(
    name="coronary_ct",
    targets=(
        Target(ARTERY_CHANNEL, "artery", ARTERY, IGNORE, "lumen of the coronary arteries"),
        Target(VEIN_CHANNEL, "vein", VEIN, IGNORE, "cardiac veins"),
    ),
    spacing_mm=SPACING_MM,
    window_hu=WINDOW_HU,
    outside_hu=-1024.0,
    kinds=(("small", 0.3), ("large", 0.2), ("vein", 0.25), ("other", 0.25)),
    turned=0.5,
    open_cases=open_hearts,
    choose_case=choose_heart,
    augment=augment_heart,
    others=0.75,
)
"""Half of the patches are mirrored and turned: what an artery looks like holds in every direction, where it lies does not."""

TEXT = BundleText(
    title="SenseCare coronary CT",
    version="0.1.0",
    task="Lumen of the coronary arteries and cardiac veins on coronary CT angiograms",
    description="A small U-Net at half the resolution of 0.6 mm voxels, a last look at the full one; trained on digital hearts "
    "only; see docs/README.md.",
    intended_use="Research on the grading of coronary arteries; not a medical device.",
    patch=112,
    overlap=0.2,
)
