"""Cross-sections of branches that become one, or shorter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from ..geometry import FloatArray
from .radius import BranchSections


def joined_sections(chain: Sequence[BranchSections]) -> BranchSections:
    """Return the cross-sections of a chain of branches as those of one; a shared junction counts with the proximal branch.

    Parameters
    ----------
    chain
        Proximal first, at least one. Where contours lie on different numbers of rays, all take the greatest.
    """
    if len(chain) == 1:
        return chain[0]
    rays = max(one.edge_mm.shape[1] for one in chain)
    columns = {}
    for part in fields(BranchSections):
        values = [getattr(one, part.name)[1 if at else 0 :] for at, one in enumerate(chain)]
        columns[part.name] = np.concatenate([on_rays(one, rays) for one in values] if part.name == "edge_mm" else values)
    return BranchSections(**columns)


def first_sections(sections: BranchSections, count: int) -> BranchSections:
    """Return the first ``count`` cross-sections of a branch."""
    return BranchSections(**{part.name: getattr(sections, part.name)[:count] for part in fields(BranchSections)})


def on_rays(edge_mm: FloatArray, rays: int) -> FloatArray:
    """Return contours (N, R) on another number of evenly spaced rays, linearly between the old ones."""
    count = edge_mm.shape[1]
    if count == rays:
        return edge_mm
    at = np.arange(rays) * (count / rays)
    under = np.floor(at).astype(int)
    part = at - under
    return np.asarray((1.0 - part) * edge_mm[:, under] + part * edge_mm[:, (under + 1) % count])
