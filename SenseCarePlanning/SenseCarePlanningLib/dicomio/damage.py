"""Signs in the voxels themselves that a file was damaged or slices swapped: what no scanner and no anatomy can make.

DICOM and NRRD carry no checksum, so a flipped bit reads like a measurement. But a CT voxel is blurred over its neighbours
in all directions, and neighbouring slices show nearly the same anatomy. The thresholds were set on three real chest CTs
(1.0, 1.25 and 2.5 mm; standard kernels; with contrast, metal leads and noisy shoulders), where the measured extremes were:
a voxel against its neighbourhood 1.7 times the neighbourhood's own range, a step between slices 1.2 times the steps nearby,
a slice against its neighbours 0.6 times what these differ from each other, a swap score of 0.62, odd voxels 2.3 times as
many as in slices nearby, a thin odd line of 12 voxels.

Where slices are thin and far apart, less goes on from one to the next: a calcification or the tip of a bone shows in one
slice only, and only the blur in the plane tells it from damage. On every second and third slice of a digital patient (1 mm
slices, so 2 and 3 mm apart without overlap) a voxel against its neighbourhood measured up to 4.6 and 6.5 (2.4 with all
slices), a slice against its neighbours 0.80 and 0.90; on thinned-out real CTs, where slices are thicker, 1.9 and 0.67. The
two limits therefore grow with the distance of the slices.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .agreement import listed

logger = logging.getLogger(__name__)

_ODD_HU = 300
_SPIKE_RATIO_PER_MM = 3.0
_TALL_HU = 2500
"""A voxel that stands so far above or below its neighbours is damage at any distance of the slices: more than bone over air."""
_LINE_VOXELS = 24
_COUNT_RATIO = 6.0
_COUNT_OFFSET = 50
_SLICE_RATIO, _SLICE_RATIO_PER_MM = 1.0, 0.1
_SWAP_RATIO = 1.0
_SWAP_LEFT = 1.6
"""Neighbours put back in order differ from what surrounds them as slices nearby do: 1.0 times, up to 1.3 measured."""
_ORDER_TOLD = 1.15
"""Slices two apart differ by so much more than neighbours where anatomy tells their order: twice in smooth anatomy, not at all in
noise alone. Chosen."""
_EXCHANGE_LEFT = 2.0
_JUMP_RATIO = 2.5
_GOES_ON, _TISSUE_HU = 1.7, (-200.0, 500.0)
"""Moved to where they fit best, slices of two heart beats differ by no more than so many times what slices nearby differ by.
Chosen on a digital heart: 1.25 after a step of 5 mm; 5.5 and 4.0 where 8 and 4 slices of 0.7 mm are missing."""
_LEAST_SLICE_DIFFERENCE_HU = 5.0
_BLOCK = 8
_HIGHEST_HU = 8000
_IMPOSSIBLE_LOW_HU = -4096


def damage_signs(
    array_kji: NDArray[np.int16], names: Sequence[str] = (), increment_mm: float = 1.0, beating: bool = False
) -> list[str]:
    """Look for damaged voxels, lines and slices and for swapped slices.

    Parameters
    ----------
    array_kji
        HU, not clipped at the floor.
    names
        How to name each slice; "slice k" when empty.
    increment_mm
        From slice to slice.
    beating
        The scan is one of a heart, put together from several beats: a step that is the same anatomy moved is no damage.

    Returns
    -------
    list of str
        One sentence for each kind of damage found, with the slices.
    """
    if len(array_kji) < 8 or min(array_kji.shape[1:]) < 2 * _BLOCK:
        return []
    labels = list(names) or [f"slice {k}" for k in range(len(array_kji))]
    means = _block_means(array_kji)
    near, far = _differences(means, 1), _differences(means, 2)
    beyond_mm = max(increment_mm - 1.0, 0.0)
    whole = _damaged_slices(near, far, _SLICE_RATIO + _SLICE_RATIO_PER_MM * beyond_mm)
    swapped = _swapped_slices(near, far)
    jumps = _jumps(near)
    if beating and jumps:
        jumps = [k for k in jumps if not _is_beat(array_kji, k)]
    local = _local_damage(array_kji, _SPIKE_RATIO_PER_MM * (1.0 + beyond_mm))
    low = _impossible_low(array_kji)
    found = []
    damaged = sorted(whole | local | low)
    exchanged = _exchanged_slices(means, near, sorted(whole))
    if exchanged:
        found.append(
            "slices seem to be exchanged, each fits the other's place: "
            + listed(f"{labels[one]} and {labels[other]}" for one, other in exchanged)
        )
        damaged = [k for k in damaged if not any(k in pair for pair in exchanged)]
    if swapped and len(whole) <= 2 * len(swapped) + 2:
        pairs = [f"{labels[k]} and {labels[k + 1]}" for k in swapped]
        found.append(f"neighbouring slices seem to be swapped: {listed(pairs)}")
        damaged = [k for k in damaged if not any(k in (pair - 1, pair, pair + 1, pair + 2) for pair in swapped)]
    told = {*damaged, *(k for pair in exchanged for k in pair)}
    jumps = [k for k in jumps if not any(k in (pair - 1, pair, pair + 1) for pair in swapped) and not {k, k + 1} & told]
    if jumps:
        pairs = [f"{labels[k]} and {labels[k + 1]}" for k in jumps]
        found.append(f"the anatomy does not go on from one slice to the next, between {listed(pairs)}")
    if damaged:
        found.append(
            "the image values look damaged (voxels, lines or whole slices that do not fit what surrounds them): "
            + listed(labels[k] for k in damaged)
        )
    return found


def _block_means(array_kji: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return the means of 8 x 8 pixel blocks (K, J/8, I/8): anatomy without noise."""
    count, rows, columns = array_kji.shape
    rows, columns = rows // _BLOCK * _BLOCK, columns // _BLOCK * _BLOCK
    means = np.empty((count, rows // _BLOCK, columns // _BLOCK), dtype=np.float32)
    for k in range(count):
        part = np.clip(array_kji[k, :rows, :columns], -1024, _HIGHEST_HU)
        means[k] = part.reshape(rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK).mean(axis=(1, 3), dtype=np.float32)
    return means


def _differences(means: NDArray[np.float32], step: int) -> NDArray[np.float64]:
    return np.array([float(np.abs(means[k + step] - means[k]).mean()) for k in range(len(means) - step)])


def _jumps(near: NDArray[np.float64]) -> list[int]:
    """Return each k for which slice k + 1 differs from slice k far more than the slices nearby differ from each other."""
    return [k for k in range(len(near)) if near[k] > _JUMP_RATIO * _nearby(near, k)]


def _nearby(near: NDArray[np.float64], k: int) -> float:
    """Return what the slices next to slice k usually differ by, its own step left out."""
    window = np.arange(max(0, k - 4), min(len(near), k + 5))
    return max(float(np.median(near[window[window != k]])), _LEAST_SLICE_DIFFERENCE_HU)


def _is_beat(array_kji: NDArray[np.int16], k: int) -> bool:
    """Tell whether slices k and k + 1 are the same anatomy moved: two beats of a heart meet there, and no slice is missing."""
    from skimage.registration import phase_cross_correlation

    rows = range(max(0, k - 4), min(len(array_kji), k + 6))
    inner = {row: _inner(array_kji[row]) for row in rows}
    steps = [float(np.abs(inner[row + 1] - inner[row]).mean()) for row in rows[:-1] if row != k]
    shift, _, _ = phase_cross_correlation(inner[k], inner[k + 1], upsample_factor=4, normalization=None)
    moved = ndimage.shift(inner[k + 1], shift, order=1, mode="nearest")
    edge = int(np.ceil(np.abs(shift).max())) + 1
    left = np.abs(moved - inner[k])[edge:-edge, edge:-edge]
    return bool(left.size and float(left.mean()) <= _GOES_ON * float(np.median(steps)))


def _inner(plane: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return the middle half of a slice, a little smoothed."""
    rows, columns = (size // 4 for size in plane.shape)
    part = np.clip(plane[rows:-rows, columns:-columns].astype(np.float32), *_TISSUE_HU)
    return np.asarray(ndimage.gaussian_filter(part, 1.5)[::2, ::2], dtype=np.float32)


def _damaged_slices(near: NDArray[np.float64], far: NDArray[np.float64], ratio: float) -> set[int]:
    """Find slices that differ from both neighbours more than these do from each other; at the ends, from the next ones."""
    smaller = np.minimum(near[:-1], near[1:])
    found = {int(k) + 1 for k in np.flatnonzero((smaller > ratio * far) & (smaller > _LEAST_SLICE_DIFFERENCE_HU))}
    usual = max(float(np.median(near)), _LEAST_SLICE_DIFFERENCE_HU)
    for end, first, second in ((0, near[0], near[1]), (len(near), near[-1], near[-2])):
        if first > 4.0 * max(second, usual):
            found.add(end)
    return found


def _usual(near: NDArray[np.float64], k: int) -> float:
    """Return what slices near k usually differ by, those next to it left out."""
    window = np.array([at for at in range(max(0, k - 6), min(len(near), k + 7)) if abs(at - k) > 2])
    return max(float(np.median(near[window])), _LEAST_SLICE_DIFFERENCE_HU)


def _exchanged_slices(means: NDArray[np.float32], near: NDArray[np.float64], whole: list[int]) -> list[tuple[int, int]]:
    """Return the pairs of misplaced slices, not neighbours, of which each fits between the neighbours of the other."""

    def fits(k: int, place: int) -> bool:
        """Tell whether slice ``k`` would fit in at a place as neighbours usually do."""
        beside = [at for at in (place - 1, place + 1) if 0 <= at < len(means)]
        gap = max(float(np.abs(means[k] - means[at]).mean()) for at in beside)
        return gap <= _EXCHANGE_LEFT * _usual(near, place)

    found: list[tuple[int, int]] = []
    for at, one in enumerate(whole):
        for other in whole[at + 1 :]:
            if other - one > 2 and not any({one, other} & set(pair) for pair in found) and fits(one, other) and fits(other, one):
                found.append((one, other))
    return found


def _swapped_slices(near: NDArray[np.float64], far: NDArray[np.float64]) -> list[int]:
    """Return each k for which slices k and k + 1 fit their surroundings better when exchanged."""
    kept, exchanged = near[:-2] + near[2:], far[:-1] + far[1:]
    hits = np.flatnonzero((kept > _SWAP_RATIO * exchanged) & (kept > _LEAST_SLICE_DIFFERENCE_HU)) + 1
    # A single foreign slice improves by any exchange, too, but not to what is usual.
    hits = np.array([k for k in hits if exchanged[k - 1] <= _SWAP_LEFT * 2.0 * _usual(near, int(k))], dtype=np.int64)
    hits = np.array([k for k in hits if _order_is_told(near, far, int(k))], dtype=np.int64)
    ratio = {int(k): float(kept[k - 1] / max(exchanged[k - 1], 1e-6)) for k in hits}
    # A swap also disturbs the score one step before and behind: keep the strongest of neighbouring hits.
    return [k for k, value in ratio.items() if value >= max(ratio.get(k - 1, 0.0), ratio.get(k + 1, 0.0))]


def _order_is_told(near: NDArray[np.float64], far: NDArray[np.float64], k: int) -> bool:
    """Tell whether slices near k have an order: in noise alone any two differ alike, and each exchange seems as good."""
    around = slice(max(0, k - 6), k + 7)
    return float(np.median(far[around])) >= _ORDER_TOLD * float(np.median(near[around]))


def _impossible_low(array_kji: NDArray[np.int16]) -> set[int]:
    """Find slices with values far below any padding; the constant that fills the area outside the field of view is exempt."""
    lowest = array_kji.min(axis=(1, 2))
    suspicious = np.flatnonzero(lowest < _IMPOSSIBLE_LOW_HU)
    if suspicious.size == 0:
        return set()
    filler = int(np.bincount(np.unique(lowest[suspicious], return_inverse=True)[1]).argmax())
    constant = int(np.unique(lowest[suspicious])[filler])
    found = set()
    for k in suspicious:
        values = array_kji[k][array_kji[k] < _IMPOSSIBLE_LOW_HU]
        if np.count_nonzero(values != constant) or np.count_nonzero(values == constant) < 64:
            found.add(int(k))
    return found


def _beside(count: int, k: int) -> tuple[int, int]:
    """Return the slices that slice k is compared with: both neighbours, or at an end the two nearest."""
    if k == 0:
        return 1, 2
    return (k - 1, k + 1) if k < count - 1 else (count - 2, count - 3)


def _odd_voxels(array_kji: NDArray[np.int16], k: int) -> tuple[NDArray[np.bool_], NDArray[np.int16]]:
    """Return where slice k lies far above, or far below, both slices beside it; and the slice, clipped."""
    own, below, above = (np.clip(array_kji[n], -1024, _HIGHEST_HU) for n in (k, *_beside(len(array_kji), k)))
    first, second = own - below, own - above
    return (np.minimum(first, second) > _ODD_HU) | (np.maximum(first, second) < -_ODD_HU), own


def _local_damage(array_kji: NDArray[np.int16], spike_ratio: float) -> set[int]:
    """Find slices with spikes, thin lines, or (inner ones) far more odd voxels than slices nearby."""
    found = set()
    counts = np.zeros(len(array_kji))
    for k in range(len(array_kji)):
        odd, own = _odd_voxels(array_kji, k)
        counts[k] = np.count_nonzero(odd)
        mirrored = np.pad(own, ((1, 1), (0, 0)), mode="reflect")
        up, down = own - mirrored[:-2], own - mirrored[2:]
        odd &= (np.minimum(up, down) > _ODD_HU) | (np.maximum(up, down) < -_ODD_HU)
        if odd.any() and (_longest_run(odd) >= _LINE_VOXELS or _has_spike(array_kji, k, odd, spike_ratio)):
            found.add(k)
    for k in range(1, len(counts) - 1):
        window = np.arange(max(1, k - 4), min(len(counts) - 1, k + 5))
        usual = float(np.median(counts[window[window != k]])) + _COUNT_OFFSET
        if counts[k] > _COUNT_RATIO * usual and not _beside_worse(counts, k):
            found.add(k)
    return found


def _beside_worse(counts: NDArray[np.float64], k: int) -> bool:
    """A damaged slice makes its neighbours look odd, too: blame only the worst of three."""
    return bool(counts[k] < max(counts[k - 1], counts[k + 1]))


def _longest_run(odd: NDArray[np.bool_]) -> int:
    hits = np.flatnonzero(odd.ravel())
    breaks = np.flatnonzero(np.diff(hits) > 1)
    return int(np.diff(np.concatenate([[-1], breaks, [hits.size - 1]])).max())


def _reflected(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Mirror indices one step outside an axis back into it."""
    inside = np.abs(index)
    return np.where(inside >= size, 2 * (size - 1) - inside, inside)


def _has_spike(array_kji: NDArray[np.int16], k: int, odd: NDArray[np.bool_], ratio: float) -> bool:
    """Tell whether one of the odd voxels stands alone among its 26 neighbours."""
    rows, columns = odd.shape
    hits = np.argwhere(odd)[:20000]
    offsets = np.array([(a, b, c) for a in (0, 1, 2) for b in (-1, 0, 1) for c in (-1, 0, 1) if (a, b, c) != (0, 0, 0)])
    slices = np.array([k, *_beside(len(array_kji), k)])[offsets[:, 0]]
    around = array_kji[
        slices, _reflected(hits[:, :1] + offsets[:, 1], rows), _reflected(hits[:, 1:] + offsets[:, 2], columns)
    ].astype(np.float64)
    around = np.clip(around, -1024, None)
    own = np.maximum(array_kji[k, hits[:, 0], hits[:, 1]].astype(np.float64), -1024)
    middle = np.median(around, axis=1)
    height = np.abs(own - middle)
    spread = np.abs(around - middle[:, None]).max(axis=1)
    spread = np.maximum(spread, 1.0)
    tall = (height > _TALL_HU) & (height > _SPIKE_RATIO_PER_MM * spread)
    return bool((tall | (height > ratio * spread)).any())
