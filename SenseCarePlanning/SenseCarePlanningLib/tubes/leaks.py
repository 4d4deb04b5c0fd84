"""Branches that may have run out of the tube: each suspicion with its reason, for the reader to cut or keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..volume import LabelMap, Volume
from .radius import BranchSections, RadiusOptions, measure_sections
from .tree import Branch, BranchFlag, Tree


@dataclass(frozen=True)
class LeakOptions:
    """What makes a branch suspicious.

    Four rules, their limits chosen: wider than 1.3 times its parent (not below the root), a cross-section that jumps to
    more than twice its area, a wall with less than 80 HU of contrast, and a volume that is out of line for its length.

    Parameters
    ----------
    wider_than_parent, area_jump, least_contrast_hu
        The limits.
    bulk_spreads
        How many robust spreads (1.4826 MAD of the logarithm of volume / length^2 among branches of the same
        generation and deeper) a branch must lie above the median.
    noise_mm
        Differences of radius below this are not held against a branch: half a voxel says nothing.
    """

    wider_than_parent: float = 1.3
    area_jump: float = 2.0
    least_contrast_hu: float = 80.0
    bulk_spreads: float = 4.0
    noise_mm: float = 0.4
    radius: RadiusOptions = field(default_factory=lambda: RadiusOptions(rays=16))


@dataclass(frozen=True)
class LeakSuspicion:
    """One reason to doubt a branch."""

    branch_id: int
    rule: str
    reason: str


def flag_leaks(
    tree: Tree,
    mask: LabelMap | None = None,
    volume: Volume | None = None,
    options: LeakOptions = LeakOptions(),
    sections: Mapping[int, BranchSections] | None = None,
) -> tuple[Tree, tuple[LeakSuspicion, ...]]:
    """Flag branches that look like leaks.

    Parameters
    ----------
    mask, volume
        With both, the contrast of the wall is judged too; ``options.radius.polarity`` tells dark from bright lumens.
    sections
        Cross-sections measured already; they take the place of ``mask`` and ``volume``.

    Returns
    -------
    tree, suspicions
        The tree with :attr:`BranchFlag.LEAK_SUSPECTED` where there is a suspicion, and the reasons.
    """
    found = [*_wider(tree, options), *_jumps(tree, options), *_bulky(tree, options)]
    if sections is None and mask is not None and volume is not None:
        sections = measure_sections(tree, volume, mask, options.radius)
    if sections is not None:
        found += _faint(tree, sections, options)
    changed = {}
    for branch_id in {one.branch_id for one in found}:
        branch = tree[branch_id]
        changed[branch_id] = replace(branch, flags=branch.flags | {BranchFlag.LEAK_SUSPECTED})
    return tree.with_branches(changed), tuple(sorted(found, key=lambda one: (one.branch_id, one.rule)))


def _wider(tree: Tree, options: LeakOptions) -> list[LeakSuspicion]:
    found = []
    for branch in tree:
        if branch.parent_id is None or branch.parent_id == tree.root_id:
            continue
        own, parent = 0.5 * branch.diameter_mm, 0.5 * tree[branch.parent_id].diameter_mm
        if own > options.wider_than_parent * parent and own - parent > options.noise_mm:
            reason = f"{2 * own:.1f} mm wide after a parent of {2 * parent:.1f} mm"
            found.append(LeakSuspicion(branch.id, "wider_than_parent", reason))
    return found


def _jumps(tree: Tree, options: LeakOptions) -> list[LeakSuspicion]:
    """Compare each sample with the narrowest of the 3 mm before it, away from the carinas."""
    found = []
    for branch in tree:
        arc, radius = branch.arc_mm, branch.radius_mm
        first = max(float(radius[0]), 1.0)
        last = float(radius[-1]) if branch.child_ids else 0.0
        places = np.flatnonzero((arc > first) & (arc < arc[-1] - last))
        for at in places:
            before = places[(arc[places] < arc[at]) & (arc[places] >= arc[at] - 3.0)]
            if len(before) == 0:
                continue
            least = float(radius[before].min())
            if radius[at] ** 2 > options.area_jump * least**2 and radius[at] - least > options.noise_mm:
                reason = f"the cross-section jumps by a factor of {(radius[at] / least) ** 2:.1f} at {arc[at]:.0f} mm"
                found.append(LeakSuspicion(branch.id, "area_jump", reason))
                break
    return found


def _bulky(tree: Tree, options: LeakOptions) -> list[LeakSuspicion]:
    """A leak is a blob: much volume on little length, against the tips and near-tips of the same tree."""
    tips = [branch for branch in tree if branch.horsfield_order <= 2 and branch.parent_id is not None]
    if len(tips) < 8:
        return []
    bulk = np.log([max(_volume_mm3(branch), 1e-3) / max(branch.length_mm, 1.0) ** 2 for branch in tips])
    middle = float(np.median(bulk))
    spread = max(1.4826 * float(np.median(np.abs(bulk - middle))), 0.2)
    usual = float(np.median([branch.diameter_mm for branch in tips]))
    return [
        LeakSuspicion(branch.id, "bulk", f"{_volume_mm3(branch):.0f} mm3 on {branch.length_mm:.0f} mm of length")
        for branch, value in zip(tips, bulk, strict=True)
        if value > middle + options.bulk_spreads * spread and branch.diameter_mm > 2.0 * usual
    ]


def _volume_mm3(branch: Branch) -> float:
    return float(np.trapezoid(np.pi * branch.radius_mm**2, branch.arc_mm))


def _faint(tree: Tree, sections: Mapping[int, BranchSections], options: LeakOptions) -> list[LeakSuspicion]:
    found = []
    for branch in tree:
        contrast = sections[branch.id].contrast_hu[branch.middle()]
        contrast = contrast[np.isfinite(contrast)]
        if len(contrast) and float(np.median(contrast)) < options.least_contrast_hu:
            reason = f"the wall stands out by {float(np.median(contrast)):.0f} HU only"
            found.append(LeakSuspicion(branch.id, "wall_contrast", reason))
    return found
