"""Trees and chambers that came from elsewhere (by hand, from another program, from a digital patient) as a segmentation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from SenseCarePlanningLib.run_info import EngineInfo
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

from .chambers import BloodLevels
from .heart_segmentation import CoronaryOstium, Gap, HeartSegmentation, Tip
from .structures import HEART_NAMES, MYOCARDIUM

GIVEN = EngineInfo("given", "trees and chambers given", "1")


def segmentation_of(trees: Sequence[Tree], heart: LabelMap, volume: Volume) -> HeartSegmentation:
    """Return a segmentation of given trees.

    Parameters
    ----------
    trees
        One an ostium, rooted there, LPS mm.
    heart
        On the volume's grid, its names as in :mod:`.structures`; other labels are left out.
    volume
        CT in HU, for the levels of blood and muscle.
    """
    numbers = {name: value for value, name in HEART_NAMES.items()}
    known = {value: numbers[name] for value, name in heart.names.items() if name in numbers}
    table = np.zeros(max(int(heart.array_kji.max()), *known, 0) + 1, dtype=np.uint8)
    table[list(known)] = list(known.values())
    labels = table[heart.array_kji]
    medians = {
        value: float(np.median(volume.array_kji[box][labels[box] == value]))
        for value, box in enumerate(ndimage.find_objects(labels), 1)
        if box is not None
    }
    muscle = medians.pop(MYOCARDIUM, float("nan"))
    gaps = tuple(
        Gap(bridge.points_lps_mm, number, bridge.gap_mm, bridge.reason)
        for number, tree in enumerate(trees)
        for bridge in tree.bridges
    )
    return HeartSegmentation(
        heart=LabelMap(labels, heart.affine_ijk_to_lps, HEART_NAMES),
        aorta_kji=np.asarray(labels == numbers["aorta"]),
        coronary_kji=np.asarray(labels == numbers["coronary_artery"]),
        trees=tuple(trees),
        ostia=tuple(CoronaryOstium("", tree.root.points_lps_mm[0], number) for number, tree in enumerate(trees)),
        gaps=gaps,
        tips=tuple(Tip(one.points_lps_mm[-1], number, one.id) for number, tree in enumerate(trees) for one in tree.tips),
        engine=GIVEN,
        levels=BloodLevels(medians, muscle),
    )
