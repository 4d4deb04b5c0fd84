"""The second pass: thin bronchi near the known airway are found, even where wall and lumen blur together; vessels are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LungAirwayLib.fine_branches import FineBranches, find_fine_branches

STEP = 0.7
SPACING = (STEP, STEP, STEP)
SHAPE = (64, 56, 56)
MIDDLE = 28 * STEP


def scene(lumen_hu: float, wall_hu: float, dim_mm: tuple[float, float] | None = None) -> FineBranches:
    """A parent along k up to 16 mm, then a line of 1.2 mm with a wall; in ``dim_mm`` its lumen is grey; in noisy lung."""
    k, j, i = np.indices(SHAPE) * STEP
    far = np.hypot(j - MIDDLE, i - MIDDLE)
    image = np.full(SHAPE, -860.0, dtype=np.float32)
    image[(far < 1.6) & (k < 36.0)] = wall_hu
    inner = (far < 0.75) & (k < 36.0)
    if dim_mm is not None:
        inner &= (k < dim_mm[0]) | (k > dim_mm[1])
    image[inner] = lumen_hu
    if dim_mm is not None:
        grey = (k >= dim_mm[0]) & (k <= dim_mm[1])
        image[(far < 1.6) & grey] = -860.0
        image[(far < 0.9) & grey] = -560.0
    parent = (far < 1.8) & (k < 16.0)
    image[(far < 2.8) & (k < 16.0)] = 0.0
    image[parent] = -1000.0
    noise = np.random.default_rng(3).normal(0.0, 15.0, SHAPE).astype(np.float32)
    image = ndimage.gaussian_filter(image, (1.5, 0.55, 0.55)) + noise  # a lumen does not end from one voxel to the next
    smooth = ndimage.gaussian_filter(image, 0.45 / STEP)
    return find_fine_branches(image, smooth, np.ones(SHAPE, dtype=bool), parent, SPACING)


def reached_mm(found: FineBranches) -> float:
    """Return how high the paths go that stay within one voxel of the middle."""
    if not found.paths.voxels:
        return 0.0
    k, j, i = np.unravel_index(np.concatenate(found.paths.voxels), SHAPE)
    along: NDArray[np.bool_] = np.hypot(j * STEP - MIDDLE, i * STEP - MIDDLE) < 1.6
    return float(k[along].max(initial=0) * STEP)


def test_a_thin_bronchus_is_followed_beyond_its_parent() -> None:
    assert reached_mm(scene(-1000.0, -200.0)) > 26.0


def test_a_grey_stretch_between_dark_ones_is_crossed() -> None:
    assert reached_mm(scene(-1000.0, -200.0, (19.0, 22.0))) > 26.0


def test_a_vessel_that_goes_on_from_an_airway_is_not_followed() -> None:
    assert reached_mm(scene(40.0, 40.0)) < 21.0


def test_lung_with_noise_alone_gives_nothing() -> None:
    noise = np.random.default_rng(0).normal(-860.0, 25.0, SHAPE).astype(np.float32)
    parent = np.zeros(SHAPE, dtype=bool)
    parent[:20, 26:31, 26:31] = True
    found = find_fine_branches(noise, ndimage.gaussian_filter(noise, 0.64), np.ones(SHAPE, dtype=bool), parent, SPACING)
    assert len(found.paths.voxels) == 0


def test_an_image_smaller_than_the_rays_gives_nothing() -> None:
    tiny = np.zeros((3, 3, 3), dtype=np.float32)
    mask = np.ones((3, 3, 3), dtype=bool)
    assert find_fine_branches(tiny, tiny, mask, ~mask, SPACING).paths.voxels == ()


def test_a_grey_line_without_dark_beyond_is_not_followed() -> None:
    assert reached_mm(scene(-1000.0, -200.0, (19.0, 40.0))) < 21.0
