"""Run a network over a large array patch by patch and blend the overlaps with a Gaussian."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress
from .bundle_config import BundleConfig

Predictor = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def gaussian_window(patch: tuple[int, int, int], sigma_share: float = 0.125) -> NDArray[np.float32]:
    """Return blending weights (K, J, I), 1 in the middle, never 0 (the shape nnU-Net uses, Isensee 2021,
    doi:10.1038/s41592-020-01008-z)."""
    axes = []
    for size in patch:
        centre = (size - 1) / 2.0
        axes.append(np.exp(-0.5 * ((np.arange(size) - centre) / max(sigma_share * size, 1e-3)) ** 2))
    window = axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None, :]
    return np.asarray(np.maximum(window, 1e-3), dtype=np.float32)


def patch_starts(size: int, patch: int, overlap: float) -> list[int]:
    """Return where patches start along an axis so that they cover it, evenly spread.

    Raises
    ------
    ValueError
        When the overlap is not in [0, 1) or a size is not positive.
    """
    if not 0.0 <= overlap < 1.0 or patch < 1 or size < 1:
        raise ValueError(f"expected sizes above 0 and an overlap from 0 to below 1, got {size}, {patch}, {overlap}")
    if size <= patch:
        return [0]
    step = max(1, int(patch * (1.0 - overlap)))
    count = -(-(size - patch) // step) + 1
    return [round(position) for position in np.linspace(0, size - patch, count)]


def fitted_patch(shape: tuple[int, ...], patch: tuple[int, int, int], divisor: int, overlap: float) -> tuple[int, int, int]:
    """Return the patch size, up to a quarter over ``patch``, with which the fewest voxels are predicted twice.

    Parameters
    ----------
    shape
        (K, J, I) of the image.
    divisor
        Of every size returned.
    overlap
        Share of ``patch`` by which neighbours overlap at least.
    """
    sizes = []
    for have, wanted in zip(shape, patch, strict=True):
        shared = int(np.ceil(overlap * wanted))
        longest = max(int(1.25 * wanted) // divisor * divisor, divisor)
        count = 1 if have <= longest else -(-(have - shared) // max(longest - shared, 1))
        even = -(-(have + (count - 1) * shared) // count)
        sizes.append(-(-even // divisor) * divisor)
    return (sizes[0], sizes[1], sizes[2])


def slide(
    image: NDArray[np.float32],
    predict: Predictor,
    patch: tuple[int, int, int],
    progress: Progress,
    overlap: float = 0.5,
    wanted: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Predict (C_in, K, J, I) patch by patch; returns (C_out, K, J, I) float32.

    Parameters
    ----------
    wanted
        (K, J, I): patches without a true voxel are not run and count as 0; None runs all.

    An image smaller than the patch is padded with its minimum and cut back. Between patches the progress is
    reported and a request to stop is honoured.

    Raises
    ------
    ValueError
        When the network returns another spatial size than it was given.
    Cancelled
        When the user asked to stop.
    """
    shape = image.shape[1:]
    pad = [(0, 0)] + [(0, max(size - have, 0)) for size, have in zip(patch, shape, strict=True)]
    padded = np.pad(image, pad, mode="constant", constant_values=float(image.min())) if any(end for _, end in pad) else image
    starts = list(product(*(patch_starts(have, size, overlap) for have, size in zip(padded.shape[1:], patch, strict=True))))
    if wanted is not None:
        inside = np.pad(wanted, pad[1:])
        chosen = [start for start in starts if inside[_box(start, patch)].any()]
        starts = chosen or starts[:1]
    window = gaussian_window(patch)
    total: NDArray[np.float32] | None = None
    weight = np.zeros(padded.shape[1:], dtype=np.float32)
    for number, start in enumerate(starts):
        progress.update(number / len(starts))
        box = _box(start, patch)
        region = (slice(None), *box)
        result = predict(np.ascontiguousarray(padded[region]))
        if result.shape[1:] != patch:
            raise ValueError(f"the network returned {result.shape[1:]} for a patch of {patch}")
        if total is None:
            total = np.zeros((result.shape[0], *padded.shape[1:]), dtype=np.float32)
        total[region] += result * window
        weight[box] += window
    assert total is not None
    total /= np.maximum(weight, np.float32(1e-6), out=weight)
    return np.ascontiguousarray(total[:, : shape[0], : shape[1], : shape[2]])


def slide_config(
    image: NDArray[np.float32],
    predict: Predictor,
    config: BundleConfig,
    progress: Progress,
    wanted: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Run :func:`slide` over an image (K, J, I) with the patches that a bundle asks for."""
    patch, overlap = config.patch_kji, config.overlap
    if config.patch_divisor is not None:
        fitted = fitted_patch(image.shape, patch, config.patch_divisor, overlap)
        overlap *= min(1.0, *(old / new for old, new in zip(patch, fitted, strict=True)))
        patch = fitted
    return slide(image[None], predict, patch, progress, overlap, wanted)


def _box(start: tuple[int, ...], patch: tuple[int, int, int]) -> tuple[slice, ...]:
    return tuple(slice(first, first + size) for first, size in zip(start, patch, strict=True))
