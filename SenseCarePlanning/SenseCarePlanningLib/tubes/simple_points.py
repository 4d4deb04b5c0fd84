"""Cut the loops of a voxel mask: regrow it from one voxel, never closing a ring."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

_CUBE = [offset for offset in product((-1, 0, 1), repeat=3) if offset != (0, 0, 0)]
_OFFSETS = np.array(_CUBE)
_FULL = (np.abs(_OFFSETS[:, None] - _OFFSETS[None]).max(axis=2) <= 1).astype(np.float32)
_EIGHTEEN = np.abs(_OFFSETS).sum(axis=1) <= 2
_BITS = 1 << np.arange(len(_CUBE), dtype=np.int64)
_FACE = np.abs(_OFFSETS).sum(axis=1) == 1
_SIX = ((np.abs(_OFFSETS[:, None] - _OFFSETS[None]).sum(axis=2) <= 1) & _EIGHTEEN[:, None] & _EIGHTEEN[None]).astype(np.float32)


def without_loops(
    mask: NDArray[np.bool_], seed_kji: tuple[int, int, int], stages: tuple[NDArray[np.bool_], ...] = ()
) -> NDArray[np.bool_]:
    """Return the part of a mask that can be grown from a seed without closing a ring or a cavity.

    Voxels are added only where they are simple points (26-connected object, 6-connected background; Malandain and
    Bertrand 1992, Fast characterization of 3D simple points, ICPR, pp. 232-235), so the result is one piece with Euler
    number 1. Where two fronts meet around a loop a crack one voxel wide stays open.

    Parameters
    ----------
    mask
        (K, J, I) bool.
    seed_kji
        A voxel of the mask.
    stages
        Parts of the mask to be grown first, in this order: what comes later gives way.

    Raises
    ------
    ValueError
        When the seed is not in the mask.
    """
    if not mask[seed_kji]:
        raise ValueError(f"the seed {seed_kji} is not in the mask")
    shape = tuple(size + 2 for size in mask.shape)
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    steps = _OFFSETS @ strides
    grown = np.zeros(int(np.prod(shape)), dtype=bool)
    grown[int((np.array(seed_kji) + 1) @ strides)] = True
    known = np.full(1 << len(_CUBE), -1, dtype=np.int8)
    for part in (*stages, mask):
        allowed = np.pad(part & mask, 1).ravel()
        _grow(grown, allowed, steps, shape, known)
    return np.asarray(grown.reshape(shape)[1:-1, 1:-1, 1:-1])


def _grow(
    grown: NDArray[np.bool_],
    allowed: NDArray[np.bool_],
    steps: NDArray[np.int64],
    shape: tuple[int, ...],
    known: NDArray[np.int8],
) -> None:
    """Add simple points wave by wave; within a wave in eight subfields, whose voxels do not touch one another."""
    front = np.flatnonzero(grown)
    while len(front):
        around = np.unique((front[:, None] + steps[None]).ravel())
        around = around[allowed[around] & ~grown[around]]
        k, rest = np.divmod(around, shape[1] * shape[2])
        j, i = np.divmod(rest, shape[2])
        field = (k & 1) * 4 + (j & 1) * 2 + (i & 1)
        added = []
        for number in np.unique(field):
            part = around[field == number]
            part = part[_simple(grown[part[:, None] + steps[None]], known)]
            grown[part] = True
            added.append(part)
        front = np.concatenate(added) if added else np.zeros(0, dtype=np.int64)


def _simple(neighbours: NDArray[np.bool_], known: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Tell for rows of 26 neighbours whether adding the middle voxel keeps the topology; ``known`` remembers patterns."""
    pattern = neighbours @ _BITS
    new, first = np.unique(pattern[known[pattern] < 0], return_index=True)
    if len(new):
        rows = neighbours[known[pattern] < 0][first]
        empty = ~rows
        known[new] = _one_piece(rows, rows, _FULL) & _one_piece(empty & _FACE, empty & _EIGHTEEN, _SIX)
    return np.asarray(known[pattern] == 1)


def _one_piece(members: NDArray[np.bool_], medium: NDArray[np.bool_], adjacency: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell whether ``members`` (at least one) hang together through ``medium``."""
    some = members.any(axis=1)
    reached = np.zeros(members.shape, dtype=bool)
    reached[np.arange(len(members)), members.argmax(axis=1)] = True
    reached &= members
    while True:
        wider = (reached.astype(np.float32) @ adjacency > 0) & medium
        if np.array_equal(wider, reached):
            return np.asarray(some & ~(members & ~reached).any(axis=1))
        reached = wider
