"""A mask given as one of arteries: what is none is refused in a sentence, arteries with aneurysms and a bit of aorta pass."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from CardiacCTALib.mask_trees import check_filled, trees_of_mask
from CardiacCTALib.structures import AORTA, LEFT_VENTRICLE
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.volume import LabelMap, Volume

SHAPE = (60, 60, 90)
PLACES = np.stack(np.indices(SHAPE), axis=-1).astype(float)
COURSE = np.linspace((30.0, 30.0, 10.0), (40.0, 40.0, 85.0), 300)


def lumen(radius_mm: float) -> np.ndarray:
    """A tube that begins at the aorta, in voxels of 1 mm."""
    return (cKDTree(COURSE).query(PLACES.reshape(-1, 3))[0] <= radius_mm).reshape(SHAPE)


def ball(middle: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    return np.asarray(np.linalg.norm(PLACES - middle, axis=-1) <= radius_mm)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """An aorta at the low end of i, and a ventricle beside the artery."""
    found = np.zeros(SHAPE, dtype=np.uint8)
    found[..., :10] = AORTA
    found[ball((18.0, 18.0, 60.0), 12.0)] = LEFT_VENTRICLE
    return found


def follow(mask: np.ndarray, labels: np.ndarray) -> int:
    given = LabelMap(mask.astype(np.uint8), np.eye(4), {1: "coronary_artery"})
    return len(trees_of_mask(given, labels == AORTA, labels)[0])


def test_arteries_pass_with_aneurysms_and_a_bit_of_aorta(labels: np.ndarray) -> None:
    artery = lumen(1.6)
    assert follow(artery, labels) == 1
    assert follow(artery | ball((35.0, 35.0, 47.0), 5.0), labels) == 1
    assert follow(artery | ball((30.0, 30.0, 2.0), 12.0), labels) == 1


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (lumen(1.6) | ball((18.0, 18.0, 60.0), 12.0), "in the chambers"),
        (lumen(1.6) | ball((30.0, 30.0, 20.0), 14.0), "mm wide"),
        (lumen(20.0), "ml"),
    ],
    ids=["chambers", "wide", "large"],
)
def test_what_is_no_mask_of_arteries_is_refused_in_a_sentence(mask: np.ndarray, said: str, labels: np.ndarray) -> None:
    empty = np.where(labels == AORTA, labels, 0) if said != "in the chambers" else labels
    with pytest.raises(InputError, match="no mask of arteries") as caught:
        follow(mask, empty)
    assert said in caught.value.user_message
    assert translator("zh").sentence(caught.value.user_message) != caught.value.user_message


def test_a_mask_that_marks_no_contrast_is_refused() -> None:
    blood = lumen(1.6)
    scan = Volume(np.where(blood, 380, -80).astype(np.int16), np.eye(4))
    given = LabelMap(blood.astype(np.uint8), np.eye(4), {1: "coronary_artery"})
    check_filled(given, scan)
    turned = LabelMap(np.ascontiguousarray(given.array_kji[:, ::-1]), np.eye(4), given.names)
    with pytest.raises(InputError, match="not more than muscle"):
        check_filled(turned, scan)
