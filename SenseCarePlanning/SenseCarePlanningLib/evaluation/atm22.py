"""Scores of an airway against a reference, as the ATM'22 challenge defines them, with twins in millimetres."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import euler_number

from ..errors import InputError
from ..volume import LabelMap, bounding_box
from .skeleton import FULL, ParsedTree, largest_component, parse_tree, skeleton_length_mm, skeleton_of

DETECTED_SHARE = 0.8


@dataclass(frozen=True)
class AirwayScores:
    """Scores in percent unless the name says otherwise.

    Parameters
    ----------
    tree_length_detected, branches_detected, dice, precision
        TD, BD, DSC and precision of ATM'22 (Zhang 2023, doi:10.1016/j.media.2023.102957). TD counts voxels.
    sensitivity, specificity
        Of voxels.
    leakage
        False positive volume over reference volume (Nan 2024 "AIIB23", doi:10.1016/j.media.2024.103253).
    tree_length_detected_mm_share
        TD with the skeleton measured in mm instead of voxels.
    detected_length_mm, reference_length_mm, prediction_length_mm
        Skeleton lengths; the last is of the same piece of the prediction that all other scores are of (the largest by 26
        neighbours, holes filled). The reference is cut down to its largest piece by 6 neighbours, as the challenge parses it.
    branch_count, branch_detected_count
        Branches of the reference, and those with at least 80 % of their skeleton inside the prediction.
    components
        Pieces of the prediction as given (26-connected); the scores are of the largest.
    loops
        Independent loops through the prediction's largest piece, 1 - Euler number + cavities.
    """

    tree_length_detected: float
    branches_detected: float
    dice: float
    precision: float
    sensitivity: float
    specificity: float
    leakage: float
    tree_length_detected_mm_share: float
    detected_length_mm: float
    reference_length_mm: float
    prediction_length_mm: float
    branch_count: int
    branch_detected_count: int
    components: int
    loops: int
    prediction_volume_ml: float
    reference_volume_ml: float

    @property
    def mean_score(self) -> float:
        """Mean of TD, BD, DSC and precision: the challenge's ranking score."""
        return (self.tree_length_detected + self.branches_detected + self.dice + self.precision) / 4.0

    def as_dict(self) -> dict[str, float]:
        """Return all scores and the mean as a plain dictionary."""
        return {**asdict(self), "mean_score": self.mean_score}


def evaluate_airway(prediction: LabelMap, truth: LabelMap) -> AirwayScores:
    """Score a predicted airway against a reference.

    The prediction counts with its largest component (26-connected), holes filled; an empty prediction scores 0.

    Parameters
    ----------
    prediction, truth
        Any value above 0 is airway; both on the same grid.

    Raises
    ------
    InputError
        When the grids differ or the reference is empty.
    """
    if not prediction.grid.same_as(truth.grid):
        raise InputError(
            "The two airway masks lie on different grids; resample one to the other before comparing them.",
            detail=f"shapes {prediction.array_kji.shape} and {truth.array_kji.shape}, "
            f"affines {prediction.affine_ijk_to_lps.tolist()} and {truth.affine_ijk_to_lps.tolist()}",
        )
    if not truth.mask().any():
        raise InputError("The reference airway mask is empty; there is nothing to compare with.")
    voxels_in_all = truth.array_kji.size
    box = bounding_box(truth.mask() | prediction.mask(), (1, 1, 1))
    reference = truth.mask()[box]
    tree = parse_tree(reference)
    found = prediction.mask()[box]
    components = int(ndimage.label(found, structure=FULL)[1])
    found = np.asarray(ndimage.binary_fill_holes(largest_component(found, FULL)))
    spacing = truth.grid.spacing_kji_mm
    true_positive, positive, actual = (int(np.count_nonzero(part)) for part in (found & tree.lumen, found, tree.lumen))
    detected, count = _branches_detected(found, tree)
    length, hit = (skeleton_length_mm(tree.skeleton, spacing, within) for within in (None, found))
    own = skeleton_length_mm(skeleton_of(found), spacing)
    voxel_ml = truth.grid.voxel_volume_mm3 / 1000.0
    negative = voxels_in_all - actual
    return AirwayScores(
        tree_length_detected=_percent(int(np.count_nonzero(tree.skeleton & found)), int(np.count_nonzero(tree.skeleton))),
        branches_detected=_percent(detected, count),
        dice=_percent(2 * true_positive, positive + actual),
        precision=_percent(true_positive, positive),
        sensitivity=_percent(true_positive, actual),
        specificity=_percent(negative - (positive - true_positive), negative),
        leakage=_percent(positive - true_positive, actual),
        tree_length_detected_mm_share=100.0 * hit / length if length > 0 else 0.0,
        detected_length_mm=hit,
        reference_length_mm=length,
        prediction_length_mm=own,
        branch_count=count,
        branch_detected_count=detected,
        components=components,
        loops=count_loops(found),
        prediction_volume_ml=positive * voxel_ml,
        reference_volume_ml=actual * voxel_ml,
    )


def count_loops(mask: NDArray[np.bool_]) -> int:
    """Count independent loops (handles) of a 26-connected mask: components + cavities - Euler number; 0 for an empty mask."""
    if not mask.any():
        return 0
    padded = np.pad(mask[bounding_box(mask)], 1)
    pieces = int(ndimage.label(padded, structure=FULL)[1])
    cavities = int(ndimage.label(~padded)[1]) - 1
    return pieces + cavities - int(euler_number(padded, connectivity=3))


def _branches_detected(found: NDArray[np.bool_], tree: ParsedTree) -> tuple[int, int]:
    """Count the branches of which at least 80 % of the skeleton is found, and all branches that have skeleton."""
    on_skeleton = tree.branches[tree.skeleton]
    total = np.bincount(on_skeleton, minlength=tree.count + 1)[1:]
    hit = np.bincount(on_skeleton[found[tree.skeleton]], minlength=tree.count + 1)[1:]
    counted = total > 0
    return int(np.count_nonzero(hit[counted] / total[counted] >= DETECTED_SHARE)), int(np.count_nonzero(counted))


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0
