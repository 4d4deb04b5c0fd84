"""The third pass: a bronchus that wall and lumen blur to grey is followed; vessels, noise and dense lung are not."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from LungAirwayLib.grey_branches import GreyBranches, find_grey_branches

FINE = 0.35
STEP = 0.7
SPACING = (STEP, STEP, STEP)
MIDDLE = 14.0


def scene(inner_mm: float, outer_mm: float, lung_hu: float = -860.0, artery: bool = True) -> GreyBranches:
    """A parent along k up to 14 mm, then a tube (lumen -1000, wall 35 HU) up to 36 mm, as a scanner shows them."""
    shape = (120, 80, 80)
    k, j, i = np.indices(shape, dtype=np.float32) * FINE
    far = np.hypot(j - MIDDLE, i - MIDDLE)
    ideal = np.full(shape, lung_hu, dtype=np.float32)
    if artery:
        ideal[np.hypot(j - MIDDLE, i - MIDDLE - outer_mm - 1.3) < 1.0] = 40.0
    ideal[(far < outer_mm) & (k < 36.0)] = 35.0
    ideal[(far < inner_mm) & (k < 36.0)] = -1000.0
    ideal[(far < 2.0) & (k < 14.0)] = 35.0
    ideal[(far < 1.3) & (k < 14.0)] = -1000.0
    image = ndimage.gaussian_filter(ideal, 0.58 / FINE)[::2, ::2, ::2]
    image += ndimage.gaussian_filter(np.random.default_rng(1).normal(0.0, 40.0, image.shape), 0.8).astype(np.float32)
    parent = (far < 1.4) & (k < 14.0)
    smooth = ndimage.gaussian_filter(image, 0.45 / STEP)
    return find_grey_branches(smooth, np.ones(smooth.shape, dtype=bool), parent[::2, ::2, ::2], SPACING)


def reached_mm(found: GreyBranches) -> float:
    """Return how high what is drawn goes along the tube's middle."""
    k, j, i = np.unravel_index(found.voxels, found.evidence.shape)
    along = np.hypot(j * STEP - MIDDLE, i * STEP - MIDDLE) < 1.1
    return float(k[along].max(initial=0) * STEP)


def test_a_grey_bronchus_beside_its_artery_is_followed() -> None:
    assert 28.0 < reached_mm(scene(0.65, 1.05)) < 38.0


def test_a_grey_bronchus_alone_is_followed() -> None:
    assert reached_mm(scene(0.65, 1.05, artery=False)) > 28.0


def test_a_vessel_of_the_same_grey_is_not_followed() -> None:
    assert reached_mm(scene(0.0, 0.5)) < 18.0


def test_a_wide_vessel_is_not_followed_along_its_flank() -> None:
    found = scene(0.0, 1.6, artery=False)
    assert len(found.paths.voxels) == 0


def test_in_dense_lung_nothing_is_followed() -> None:
    assert len(scene(0.65, 1.05, lung_hu=-700.0).paths.voxels) == 0


def test_noise_alone_gives_nothing() -> None:
    noise = np.random.default_rng(0).normal(-700.0, 60.0, (40, 40, 40)).astype(np.float32)
    parent = np.zeros(noise.shape, dtype=bool)
    parent[:15, 18:22, 18:22] = True
    found = find_grey_branches(ndimage.gaussian_filter(noise, 0.64), ~parent, parent, SPACING)
    assert len(found.paths.voxels) == 0


def test_a_tiny_image_gives_nothing() -> None:
    tiny = np.full((1, 2, 3), -600.0, dtype=np.float32)
    parent = np.zeros(tiny.shape, dtype=bool)
    parent[0, 0, 0] = True
    assert find_grey_branches(tiny, ~parent, parent, SPACING).voxels.size == 0
