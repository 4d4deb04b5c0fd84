"""Branches that may have run out of the tube: each suspicion with its reason, for the reader to cut or keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..volume import LabelMap, Volume
from .radius import BranchSections, RadiusOptions, measure_sections
from .tree import Branch, BranchFlag, Tree


@dataclass(frozen=True)
class LeakOptions:
    """What makes a branch suspicious.

    Four rules, their limits chosen: wider than 1.3 times what it comes from (not below the root), a cross-section that jumps
    to more than twice its area and stays so, a wall with less than 80 HU of contrast, and a volume that is out of line for
    its length. Widths are compared only where they are known: the two 95 % intervals must not overlap, and a branch is
    compared with its nearest ancestor that is more than a stub.

    Parameters
    ----------
    wider_than_parent, area_jump, least_contrast_hu
        The limits.
    bulk_spreads
        How many robust spreads (1.4826 MAD of the logarithm of volume / length^2 among branches of the same
        generation and deeper) a branch must lie above the median.
    stub_diameters
        A branch shorter than this many of its diameters lies within the junctions at its ends (0.75 diameters at each, where
        radii are not measured): its width is theirs, and nothing is compared with it.
    noise_mm
        Differences of radius below this are not held against a branch: half a voxel says nothing.
    lasting_mm
        A wider cross-section counts over this length only: one ill-read section is no leak, and the holes that leaks open
        are longer than the blur of the scan.
    """

    wider_than_parent: float = 1.3
    area_jump: float = 2.0
    least_contrast_hu: float = 80.0
    bulk_spreads: float = 4.0
    stub_diameters: float = 1.5
    noise_mm: float = 0.4
    lasting_mm: float = 2.0
    radius: RadiusOptions = field(default_factory=lambda: RadiusOptions(rays=16))


@dataclass(frozen=True)
class LeakSuspicion:
    """One reason to doubt a branch, from ``at_mm`` along it on."""

    branch_id: int
    rule: str
    reason: str
    at_mm: float = 0.0


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
        parent = _measured_ancestor(tree, branch, options)
        if parent is None:
            continue
        own, before = 0.5 * branch.diameter_mm, 0.5 * parent.diameter_mm
        apart = _middle_bound(branch, 0) > _middle_bound(parent, 1)
        if own > options.wider_than_parent * before and own - before > options.noise_mm and apart:
            reason = f"{2 * own:.1f} mm wide after one of {2 * before:.1f} mm"
            found.append(LeakSuspicion(branch.id, "wider_than_parent", reason))
    return found


def _measured_ancestor(tree: Tree, branch: Branch, options: LeakOptions) -> Branch | None:
    """Return the nearest ancestor that is no stub, or None where that is the root: its children have nothing to be wider than."""
    number = branch.parent_id
    while number is not None and number != tree.root_id:
        if tree[number].length_mm >= options.stub_diameters * tree[number].diameter_mm:
            return tree[number]
        number = tree[number].parent_id
    return None


def _middle_bound(branch: Branch, side: int) -> float:
    """Return the median lower (0) or upper (1) bound of the radius over the middle half."""
    return float(np.median(branch.radius_interval_mm[branch.middle(), side]))


def _jumps(tree: Tree, options: LeakOptions) -> list[LeakSuspicion]:
    """Compare each stretch of 2 mm with the narrowest of the 3 mm before it, away from the carinas."""
    found = []
    for branch in tree:
        arc = branch.arc_mm
        # the root's beginning is where the scan or the mask ends: its narrow end is no narrow place
        first = max(float(branch.radius_mm[0]), 1.0) if branch.parent_id is not None else branch.diameter_mm
        last = float(branch.radius_mm[-1]) if branch.child_ids else 0.0
        places = np.flatnonzero((arc > first) & (arc < arc[-1] - last))
        for at in places:
            before = places[(arc[places] < arc[at]) & (arc[places] >= arc[at] - 3.0)]
            after = places[(arc[places] >= arc[at]) & (arc[places] <= arc[at] + options.lasting_mm)]
            if len(before) == 0 or arc[after[-1]] - arc[at] < 0.75 * options.lasting_mm:
                continue
            factor = _jump(branch, before, after, options)
            if factor is not None:
                reason = f"the cross-section jumps by a factor of {factor:.1f} at {arc[at]:.0f} mm"
                found.append(LeakSuspicion(branch.id, "area_jump", reason, float(arc[at])))
                break
    return found


def _jump(branch: Branch, before: NDArray[np.int64], after: NDArray[np.int64], options: LeakOptions) -> float | None:
    """Return the factor of area between two stretches, or None where it is too small or within what is not known."""
    narrowest = before[int(np.argmin(branch.radius_mm[before]))]
    least, upper = float(branch.radius_mm[narrowest]), float(branch.radius_interval_mm[narrowest, 1])
    wide, lower = float(np.median(branch.radius_mm[after])), float(np.median(branch.radius_interval_mm[after, 0]))
    if wide**2 <= options.area_jump * least**2 or wide - least <= options.noise_mm or lower <= upper:
        return None
    return (wide / least) ** 2


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
