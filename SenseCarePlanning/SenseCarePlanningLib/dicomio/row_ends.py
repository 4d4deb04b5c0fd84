"""Is the end of a single row raised or lowered as a whole? So damage shows in a code of differences along the row.

Lossless JPEG with the usual predictor (ITU-T T.81 annex H, selection value 1) codes each sample as the difference from its
left neighbour and begins each row anew from above. A bit flipped in a difference, with the code around it intact, moves all
samples from there to the end of that row by one amount, and nothing in the stream contradicts it. Anatomy, noise and streak
artefacts do not do that: in blocks of 16 samples, a row does not
lie above both its neighbours, or below both, all the way.

The limits were set on three real chest CTs (656 slices, one with the shoulders at the border and much noise). Among row ends
that keep one side, by more than 15 HU and three times as much as any row nearby, the largest distance was 4.1, 3.4, 1.8 and
1.4 times the usual distance of rows nearby, for ends of three, four, five and more blocks; shorter ends are not judged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_BLOCK = 16
_LARGEST = 150
_LEAST_HU = 15.0
_NEARBY_ROWS = 16
_NEARBY_RATIO = 3.0
_NOISE_RATIO = (np.inf, np.inf, 8.0, 7.0, 4.0, 3.0)
_LEAST_NOISE_HU = 1.0


def has_shifted_row_end(values: NDArray[Any]) -> bool:
    """Tell whether a row of an image (rows, columns) ends shifted against the rows above and below.

    Parameters
    ----------
    values
        Stored values or HU, on a scale where one step is one HU. Of less than 35 rows and 32 columns nothing is told: False.
    """
    count = values.shape[1] // _BLOCK
    if values.shape[0] < 2 * _NEARBY_ROWS + 3 or count < 2:
        return False
    blocks = _block_distances(values)
    least, largest = np.minimum.accumulate(blocks, axis=1), np.maximum.accumulate(blocks, axis=1)
    distance = np.maximum(np.maximum(least, -largest), 0.0)
    if not (distance[:, 1:] > _LEAST_HU).any():
        return False
    # The row itself is left out of what is usual nearby, and so are the two whose neighbour it is.
    nearby = np.ones((2 * _NEARBY_ROWS + 1, 1), dtype=bool)
    nearby[_NEARBY_ROWS - 1 : _NEARBY_ROWS + 2] = False
    highest = ndimage.maximum_filter(distance, footprint=nearby, mode="constant", cval=0.0)
    usual = np.cumsum(np.abs(blocks), axis=1) / np.arange(1, count + 1)
    noise = ndimage.correlate1d(usual, nearby[:, 0] / nearby.sum(), axis=0, mode="reflect")
    ratio = np.full(count, _NOISE_RATIO[-1])
    ratio[: len(_NOISE_RATIO)] = _NOISE_RATIO[:count]
    odd = (distance > _LEAST_HU) & (distance > _NEARBY_RATIO * highest) & (distance > ratio * np.maximum(noise, _LEAST_NOISE_HU))
    return bool(odd.any())


def _block_distances(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return for inner rows (rows - 2, blocks) by how much each block, from the end, lies outside both rows beside."""
    own = values.astype(np.int32)
    steps = np.clip(own[1:] - own[:-1], -_LARGEST, _LARGEST)
    count = steps.shape[1] // _BLOCK
    means = steps[:, -count * _BLOCK :].reshape(len(steps), count, _BLOCK).mean(axis=2)[:, ::-1]
    above, below = means[:-1], -means[1:]
    # The border of a flat thing makes a step to one side only.
    return np.asarray(np.where(above * below > 0, np.sign(above) * np.minimum(np.abs(above), np.abs(below)), 0.0))
