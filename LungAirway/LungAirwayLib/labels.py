"""Anatomical names of the airway tree: trachea, main, lobar and segmental bronchi, with confidence and abstention.

Strategy: find the carina as the node that best parts the tips into right and left; part each lung's branches among
upper lobe, middle lobe (or lingula), superior segment and basal trunk; part each of these among its segments. Both
partings are optimal assignments (see ``assignment``) of names to whole subtrees, priced by how far the tips and the
first course of each subtree deviate from the directions in the anatomy books (see ``bronchus_templates``).

A name is given only when its probability leads the second best by :data:`ABSTAIN_BELOW_GAP`; otherwise the branch
gets the code of its lobar bronchus (or, when even the lobe is uncertain, no label), and the alternatives are kept.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.tubes.tree import Branch, BranchLabel, Tree
from SenseCarePlanningLib.volume import LabelMap

from .assignment import Assignment, Problem, alternatives, assign
from .bronchus_templates import GROUP_LOBAR_CODE, LUNGS, SEGMENTS, SUBSEGMENTS, Family
from .constants import ACCESSORY_CARDIAC, INTERMEDIATE, LEFT_MAIN, RIGHT_MAIN, TRACHEA
from .naming import lobe_of

logger = logging.getLogger(__name__)

ABSTAIN_BELOW_GAP = 0.15
"""Best minus second probability below which no name is given (a design choice of this program, not a clinical rule)."""
TEMPERATURE = 0.06
"""Cost difference that changes the odds of two names by a factor e."""
COURSE_MM = 15.0
"""How much of a bronchus tells its first course: about the length of a lobar bronchus."""
MINIMUM_SIDE_SHARE = 0.03
TERRITORY_WEIGHT, PLACE_WEIGHT, COURSE_WEIGHT, HEADING_WEIGHT, LOBE_WEIGHT = 0.8, 0.25, 0.3, 0.4, 2.0
STUB_COST = 0.3
"""The most that the course of a stub can cost a name beside the name that fits it best."""
EXCESS_WEIGHT = 0.5
"""What each further part of the tips costs a name that already supplies the largest share a segment is known to have."""
TWIG_SHARE = 0.12
FULL_COURSE_SHARE, FULL_COURSE_CALIBRE = 0.05, 0.6
"""A subtree with less of the tips than the first is a twig whose own course says little, unless it is as wide as the second
says of its parent: then it is a bronchus that ends early (filled, compressed or cut), and its course tells which one."""
ACCESSORY_COURSE, ACCESSORY_COSINE, ACCESSORY_SHARE = (0.70, -0.20, -0.68), 0.8, 0.06
"""An accessory cardiac bronchus leaves the medial wall towards the heart and down, and is small: its course, how closely it
must be kept to, and the largest share of the right lung's tips (Ghaye et al. 2001, doi:10.1148/radiographics.21.1.g01ja06105)."""
WHOLE_LOBE_CODE = {"LUDB": "LULB", "LingB": "LULB"}
_TRUNK_CODE = {
    ("right", frozenset({"six", "basal"})): "RLLB",
    ("left", frozenset({"six", "basal"})): "LLLB",
    ("left", frozenset({"upper", "middle"})): "LULB",
    ("right", frozenset({"middle", "six", "basal"})): INTERMEDIATE,
    ("right", frozenset({"middle", "basal"})): INTERMEDIATE,
    ("right", frozenset({"middle", "six"})): INTERMEDIATE,
}


LobeEvidence = tuple[LabelMap, Mapping[int, float] | None]
"""Lobes and how far to trust each."""


@dataclass
class _Draft:
    """What is known while labelling: labels so far and remarks for the reader."""

    labels: dict[int, BranchLabel | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class _Territories:
    """Tips below every branch."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.tip_points = {tip.id: np.asarray(tip.points_lps_mm[-1]) for tip in tree.tips}
        self.tips_below: dict[int, list[int]] = {}
        for branch_id in reversed(tree.subtree(tree.root_id)):
            children = tree[branch_id].child_ids
            self.tips_below[branch_id] = [tip for child in children for tip in self.tips_below[child]] or [branch_id]

    def points(self, branch_ids: Iterable[int]) -> FloatArray:
        """Return the end points (N, 3) of all tips below the branches."""
        return np.array([self.tip_points[tip] for branch in branch_ids for tip in self.tips_below[branch]])

    def share(self, branch_id: int, total: int) -> float:
        """Return the share of ``total`` tips that are below a branch."""
        return len(self.tips_below[branch_id]) / max(total, 1)


def _first_course(tree: Tree, branch_id: int) -> FloatArray:
    """Return the unit direction of the first :data:`COURSE_MM` of a branch, followed into its largest child if short."""
    branch = tree[branch_id]
    start, arc = branch.points_lps_mm[0], branch.arc_mm
    if arc[-1] >= COURSE_MM or not branch.child_ids:
        end = branch.points_lps_mm[min(int(np.searchsorted(arc, COURSE_MM)), len(arc) - 1)]
        return unit(end - start)
    ends = [child.points_lps_mm[min(int(np.searchsorted(child.arc_mm, COURSE_MM - arc[-1])), len(child.arc_mm) - 1)]
            for child in tree.children(branch_id)]  # fmt: skip
    return unit(np.mean(ends, axis=0) - start)


# --- trachea and sides ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Trunk:
    """The trachea's branches, and what leaves it for each lung (main bronchus first)."""

    trachea: tuple[int, ...]
    roots: Mapping[str, tuple[int, ...]]
    early: tuple[int, ...]
    carina_lps_mm: FloatArray
    balance: float


def _sides_at(territories: _Territories, branch_id: int) -> dict[str, list[int]]:
    tree = territories.tree
    node_x = tree[branch_id].points_lps_mm[-1][0]
    sides: dict[str, list[int]] = {"right": [], "left": []}
    for child in tree[branch_id].child_ids:
        mean_x = float(territories.points([child])[:, 0].mean())
        sides["right" if mean_x < node_x else "left"].append(child)
    return sides


def _lung_share(territories: _Territories, children: Sequence[int], node_id: int, total: int) -> float:
    """Return the share of tips, those above the node for a quarter: a tracheal bronchus has few below, a lung many."""
    if not children:
        return 0.0
    level = territories.tree[node_id].points_lps_mm[-1][2]
    heights = territories.points(children)[:, 2] - level
    return float(np.where(heights < 0.0, 1.0, 0.25).sum()) / total


def _find_trunk(territories: _Territories) -> _Trunk | None:
    """Find the carina: the node on the main path where right and left part most evenly, both with tips below it."""
    tree, total = territories.tree, len(territories.tip_points)
    best: tuple[float, list[int]] | None = None
    path = [tree.root_id]
    while True:
        sides = _sides_at(territories, path[-1])
        balance = min(_lung_share(territories, part, path[-1], total) for part in sides.values())
        if best is None or balance > best[0] + 1e-9:
            best = (balance, list(path))
        if not tree[path[-1]].child_ids:
            break
        path.append(max(tree[path[-1]].child_ids, key=lambda child: len(territories.tips_below[child])))
    if best is None or best[0] < MINIMUM_SIDE_SHARE:
        return None
    return _trunk_from(territories, best[1], best[0])


def _trunk_from(territories: _Territories, path: Sequence[int], balance: float) -> _Trunk:
    tree = territories.tree
    carina = np.asarray(tree[path[-1]].points_lps_mm[-1])
    sides = _sides_at(territories, path[-1])
    early = [child for branch, after in itertools.pairwise(path)
             for child in tree[branch].child_ids if child != after]  # fmt: skip
    for child in early:
        side = "right" if territories.points([child])[:, 0].mean() < carina[0] else "left"
        if float(sum(tree[below].length_mm for below in tree.subtree(child))) >= COURSE_MM:
            sides[side].append(child)
    roots = {side: tuple(sorted(part, key=lambda child: -len(territories.tips_below[child]))) for side, part in sides.items()}
    return _Trunk(tuple(path), roots, tuple(early), carina, balance)


# --- prices -----------------------------------------------------------------------------------------------------------


def _problem(
    territories: _Territories,
    roots: Sequence[int],
    family: Family,
    origin_lps_mm: FloatArray,
    tip_penalty: Mapping[int, FloatArray] | None = None,
) -> Problem:
    """Price every name of a family for every branch below ``roots``."""
    tree = territories.tree
    tips = [tip for root in roots for tip in territories.tips_below[root]]
    points = np.array([territories.tip_points[tip] for tip in tips])
    centre = points.mean(axis=0)
    spread = max(float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean())), 1.0)
    per_tip = _tip_costs(points, family, origin_lps_mm, (points - centre) / spread)
    cost_of_tip = dict(zip(tips, per_tip, strict=True))
    if tip_penalty:
        cost_of_tip = {tip: cost + tip_penalty[tip] for tip, cost in cost_of_tip.items()}
    courses = np.array([template.vectors()[1] for template in family.templates])
    headings = np.array([template.unit_heading() for template in family.templates])
    name_cost, share = {}, {}
    for root in roots:
        for branch_id in tree.subtree(root):
            below = territories.tips_below[branch_id]
            share[branch_id] = len(below) / len(tips)
            own = COURSE_WEIGHT * (1.0 - courses @ _first_course(tree, branch_id))
            if headings.any():
                middle = territories.points([branch_id]).mean(axis=0)
                own = own + HEADING_WEIGHT * (1.0 - headings @ unit(middle - tree[branch_id].points_lps_mm[0]))
            territory = np.mean([cost_of_tip[tip] for tip in below], axis=0)
            name_cost[branch_id] = share[branch_id] * territory + _own_cost(tree, branch_id, share[branch_id], own)
            if family.largest_share < share[branch_id]:
                name_cost[branch_id] = name_cost[branch_id] + EXCESS_WEIGHT * (share[branch_id] - family.largest_share)
    absent = np.array([template.absent_cost for template in family.templates])
    return Problem(tree, tuple(roots), name_cost, share, _trunk_costs(family), absent)


def _own_cost(tree: Tree, branch_id: int, share: float, own: FloatArray) -> FloatArray:
    """Weigh the course of a subtree: in full for a large one; the stub of a wide one only tells names from each other."""
    branch, calibre = tree[branch_id], 0.0
    if branch.parent_id is not None:
        calibre = branch.diameter_mm / max(FULL_COURSE_CALIBRE * tree[branch.parent_id].diameter_mm, 1e-6)
    by_share, by_calibre = min(share / FULL_COURSE_SHARE, 1.0), min(calibre**2, 1.0)
    stub = np.minimum(own - own.min(), STUB_COST)
    return np.asarray(by_share * own + max(by_calibre - by_share, 0.0) * stub)


def _tip_costs(points: FloatArray, family: Family, origin: FloatArray, places: FloatArray) -> FloatArray:
    """Return (tips, names): angle to the territory's direction and distance from its place in the group."""
    directions = unit(points - origin)
    place = np.array([template.vectors()[2] for template in family.templates])
    nearest = [(directions @ template.territories().T).max(axis=1) for template in family.templates]
    angle = 1.0 - np.stack(nearest, axis=1)
    offset = np.minimum(((places[:, None, :] - place[None, :, :]) ** 2).sum(axis=2) / 4.0, 2.0)
    return np.asarray(TERRITORY_WEIGHT * angle + PLACE_WEIGHT * offset)


def _trunk_costs(family: Family) -> FloatArray:
    """Return (present, trunk) costs: a known trunk stays known when some of its members are not in the tree."""
    codes = [template.code for template in family.templates]
    known = {sum(1 << codes.index(code) for code in names): cost for names, cost in family.trunks.items()}
    count = 2 ** len(codes)
    costs = np.full((count, count), family.odd_trunk_cost)
    for present in range(count):
        for names, cost in known.items():
            costs[present, names & present] = min(costs[present, names & present], cost)
    costs[:, [mask for mask in range(count) if bin(mask).count("1") < 2]] = 0.0
    return costs


def _lobe_penalty(tree: Tree, tips: Iterable[int], side: str, evidence: LobeEvidence | None) -> dict[int, FloatArray] | None:
    """Return tip -> (groups,) penalty for lying in a lobe that the group does not supply."""
    if evidence is None:
        return None
    lobes, confidence = evidence
    groups = [template.code for template in LUNGS[side].templates]
    wanted = np.array([lobe_of(GROUP_LOBAR_CODE[side, group]) for group in groups])
    trust = np.ones(256)
    if confidence is not None:
        trust = np.array([min(max(2.0 * confidence.get(value, 0.0) - 1.0, 0.0), 1.0) for value in range(256)])
    shape = np.array(lobes.grid.shape_kji)
    penalty = {}
    for tip in tips:
        indices = np.rint(lobes.grid.kji_from_lps(tree[tip].points_lps_mm)).astype(int)
        inside = indices[((indices >= 0) & (indices < shape)).all(axis=1)]
        values = lobes.array_kji[tuple(inside.T)].astype(np.int64)
        values = values[values > 0]
        wrong = (values[:, None] != wanted[None, :]) * trust[values][:, None]
        penalty[tip] = LOBE_WEIGHT * wrong.mean(axis=0) if len(values) else np.zeros(len(wanted))
    return penalty


# --- lungs, groups, segments ------------------------------------------------------------------------------------------


def _names(family: Family, mask: int) -> frozenset[str]:
    return frozenset(template.code for index, template in enumerate(family.templates) if mask >> index & 1)


def _trunk_code(side: str, groups: frozenset[str]) -> str:
    return _TRUNK_CODE.get((side, groups), RIGHT_MAIN if side == "right" else LEFT_MAIN)


def _label_lung(territories: _Territories, trunk: _Trunk, side: str, evidence: LobeEvidence | None, draft: _Draft) -> None:
    tree, roots, family = territories.tree, trunk.roots[side], LUNGS[side]
    tips = [tip for root in roots for tip in territories.tips_below[root]]
    problem = _problem(territories, roots, family, trunk.carina_lps_mm, _lobe_penalty(tree, tips, side, evidence))
    found = assign(problem)
    starts: dict[str, dict[int, FloatArray]] = {}
    for branch_id, mask in found.masks.items():
        groups = _names(family, mask)
        if len(groups) > 1:
            draft.labels[branch_id] = BranchLabel(_trunk_code(side, groups), 1.0)
    chances = alternatives(problem, found.starts, TEMPERATURE)
    for branch_id, name in found.starts.items():
        starts.setdefault(family.templates[name].code, {})[branch_id] = chances[branch_id]
    for root in roots:
        if root not in trunk.early and len(_names(family, found.masks[root])) == 1 and len(roots) == 1:
            draft.labels[root] = BranchLabel(RIGHT_MAIN if side == "right" else LEFT_MAIN, 1.0)
    for index, template in enumerate(family.templates):
        if template.code in starts:
            _label_group(territories, side, index, starts[template.code], draft)
        else:
            draft.notes.append(f"no branch found for {GROUP_LOBAR_CODE[side, template.code]} ({template.code} part)")


def _label_group(territories: _Territories, side: str, group_index: int, starts: Mapping[int, FloatArray], draft: _Draft) -> None:
    """Name the branches of one group: its trunk, its segments, and abstain where they are not certain."""
    tree, lung = territories.tree, LUNGS[side]
    group = lung.templates[group_index].code
    family = SEGMENTS[side][group]
    roots = sorted(starts, key=lambda root: -len(territories.tips_below[root]))
    main = tree[roots[0]]
    origin = np.asarray(main.points_lps_mm[-1] if main.child_ids and group != "basal" else main.points_lps_mm[0])
    problem = _problem(territories, roots, family, origin)
    found = assign(problem)
    lobar = GROUP_LOBAR_CODE[side, group]
    for root in roots:
        label = _lobar_label(side, group_index, starts[root])
        for branch_id in tree.subtree(root):
            draft.labels[branch_id] = label
        if label is not None and label.code == lobar:
            _label_segments(tree, root, draft, problem=problem, family=family, found=found, alone=len(roots) == 1)
    _note_segments(side, group, family, found, draft)


def _lobar_label(side: str, group_index: int, chances: FloatArray) -> BranchLabel | None:
    """Return the code of the lobar bronchus, of the whole lobe if only that is certain, or None."""
    codes = [GROUP_LOBAR_CODE[side, template.code] for template in LUNGS[side].templates]
    whole = [WHOLE_LOBE_CODE.get(code, code) for code in codes]
    for names in (codes, whole):
        chance: dict[str, float] = {}
        for name, value in zip(names, chances, strict=True):
            chance[name] = chance.get(name, 0.0) + float(value)
        ranked = sorted(chance.items(), key=lambda item: -item[1])
        if ranked[0][1] - ranked[1][1] >= ABSTAIN_BELOW_GAP:
            others = tuple((name, value) for name, value in ranked[1:] if value > 0.01)
            return BranchLabel(names[group_index], chance[names[group_index]], others)
    return None


def _label_segments(
    tree: Tree, root: int, draft: _Draft, *, problem: Problem, family: Family, found: Assignment, alone: bool
) -> None:
    below = set(tree.subtree(root))
    named = [branch_id for branch_id in found.starts if branch_id in below]
    named = [branch_id for branch_id in named if not (branch_id == root and alone and problem.size > 1)]
    for branch_id, chances in alternatives(problem, named, TEMPERATURE).items():
        order = np.argsort(chances)[::-1]
        name = found.starts[branch_id]
        if len(order) > 1 and chances[order[0]] - chances[order[1]] < ABSTAIN_BELOW_GAP:
            _give(tree, branch_id, draft, name=None, family=family, chances=chances)
        else:
            _give(tree, branch_id, draft, name=name, family=family, chances=chances)


def _give(tree: Tree, branch_id: int, draft: _Draft, *, name: int | None, family: Family, chances: FloatArray) -> None:
    """Write a segment's name (or, abstaining, only its alternatives) on a whole subtree."""
    suffixes = _suffixes(tree, branch_id, family.templates[name].code) if name is not None else {}
    for below in tree.subtree(branch_id):
        lobar = draft.labels[below]
        if lobar is None:
            continue
        ranked = [(family.templates[index].code, float(chances[index] * lobar.confidence)) for index in np.argsort(-chances)]
        if name is None:
            draft.labels[below] = replace(lobar, alternatives=(*ranked, *lobar.alternatives))
            continue
        code = family.templates[name].code
        rest = tuple(pair for pair in ranked if pair[0] != code and pair[1] > 0.01)
        draft.labels[below] = BranchLabel(
            code + suffixes.get(below, ""), float(chances[name] * lobar.confidence), (*rest, *lobar.alternatives)
        )


def _suffixes(tree: Tree, branch_id: int, code: str) -> dict[int, str]:
    """Return branch -> subsegment letter below the first real division of a segmental bronchus."""
    tips = {branch: sum(1 for below in tree.subtree(branch) if not tree[below].child_ids) for branch in tree.subtree(branch_id)}
    current = branch_id
    while True:
        large = [child for child in tree[current].child_ids if tips[child] >= TWIG_SHARE * tips[branch_id]]
        if len(large) != 1:
            break
        current = large[0]
    letters = SUBSEGMENTS.get(code, ())
    if len(large) < 2 or not letters:
        return {}
    return _lettered(tree, large, letters)


def _lettered(tree: Tree, children: Sequence[int], letters: Sequence[tuple[str, tuple[float, float, float]]]) -> dict[int, str]:
    origin = tree[children[0]].points_lps_mm[0]
    ends = [
        np.mean([tree[below].points_lps_mm[-1] for below in tree.subtree(child) if not tree[below].child_ids], axis=0)
        for child in children
    ]
    directions = unit(np.array(ends) - origin)
    cost = 1.0 - directions @ unit(np.array([vector for _, vector in letters])).T
    found: dict[int, str] = {}
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        for below in tree.subtree(children[int(row)]):
            found[below] = letters[int(column)][0]
    return found


# --- remarks ----------------------------------------------------------------------------------------------------------

_OWN_NOTE = re.compile(
    r"no carina found:|no branch found for |common trunk |tracheal bronchus: |accessory cardiac |[RL]B\S+ not found:"
)
"""What the remarks of this module begin with: naming a tree again replaces them."""


def _note_segments(side: str, group: str, family: Family, found: Assignment, draft: _Draft) -> None:
    codes = [template.code for template in family.templates]
    present = {codes[name] for name in found.starts.values()}
    for code in codes:
        if code not in present and len(present) > 1:
            draft.notes.append(f"{code} not found: absent, or its trunk is not in the tree")
    trunks = {names for names in (_names(family, mask) for mask in found.masks.values()) if 1 < len(names) < len(present)}
    unusual = [names for names in trunks if family.trunks.get(names, family.odd_trunk_cost) > 0.0]
    for names in sorted(unusual, key=sorted):
        ordered = [code for code in codes if code in names]
        draft.notes.append("common trunk " + " and ".join(ordered))


def _note_variants(tree: Tree, trunk: _Trunk, draft: _Draft) -> None:
    for child in trunk.early:
        label = draft.labels.get(child)
        if label is not None and any(child in part for part in trunk.roots.values()):
            draft.notes.append(f"tracheal bronchus: {label.code} leaves the trachea above the carina")


def _find_accessory(territories: _Territories, roots: Sequence[int], draft: _Draft) -> dict[int, float]:
    """Return the small branches of the medial wall of the right main or intermediate bronchus that set out for the heart."""
    tree, total = territories.tree, sum(len(territories.tips_below[root]) for root in roots)
    found = {}
    for branch in tree:
        above, own = (draft.labels.get(number) if number is not None else None for number in (branch.parent_id, branch.id))
        trunks = [label is not None and label.code in (RIGHT_MAIN, INTERMEDIATE) for label in (above, own)]
        small = not branch.child_ids or territories.share(branch.id, total) <= ACCESSORY_SHARE
        likeness = float(unit(np.array(ACCESSORY_COURSE)) @ _first_course(tree, branch.id))
        if trunks == [True, False] and small and likeness >= ACCESSORY_COSINE:
            found[branch.id] = likeness
    return found


def _without(tree: Tree, branch_ids: Iterable[int]) -> Tree:
    """Return the tree without some subtrees; names do not need what this breaks (generations, orders)."""
    gone = {below for branch_id in branch_ids for below in tree.subtree(branch_id)}
    left = {branch.id: replace(branch, child_ids=tuple(child for child in branch.child_ids if child not in gone))
            for branch in tree if branch.id not in gone}  # fmt: skip
    return replace(tree, branches=left)


# --- public -----------------------------------------------------------------------------------------------------------


def label_tree(
    tree: Tree,
    *,
    lobes: LabelMap | None = None,
    lungs: LabelMap | None = None,
    lobe_confidence: Mapping[int, float] | None = None,
) -> Tree:
    """Name the branches of an airway tree.

    Parameters
    ----------
    tree
        Rooted at the upper end of the trachea, LPS mm.
    lobes
        When given, a tip outside the lobe of its name is penalised (values as in ``constants``).
    lungs
        For callers that have them; sides come from the tree, which is the same with and without.
    lobe_confidence
        Lobe value -> confidence of :class:`lobes.LobeSegmentation`: lobes that follow from names alone (0.5) say nothing
        about names; those whose fissures the CT shows (towards 1) do. Without it every lobe is taken for certain.

    Returns
    -------
    Tree
        The same branches with ``label`` set: code, confidence (0 to 1) and alternatives. Where the segment is not
        certain the code is that of the lobar bronchus; where the lobe is not certain ``label`` is None. ``notes``
        gains one sentence for each variant or missing bronchus; those of an earlier call are replaced.
    """
    kept = tuple(note for note in tree.notes if not _OWN_NOTE.match(note))
    territories = _Territories(tree)
    trunk = _find_trunk(territories)
    if trunk is None:
        nameless = {branch.id: replace(branch, label=None) for branch in tree}
        note = "no carina found: the tree does not reach both lungs, so that no bronchus is named"
        return replace(tree.with_branches(nameless), notes=(*kept, note))
    evidence = None if lobes is None else (lobes, lobe_confidence)
    draft = _drafted(territories, trunk, evidence)
    accessory = _find_accessory(territories, trunk.roots["right"], draft)
    if accessory:
        rest = _Territories(_without(tree, accessory))
        draft = _drafted(rest, _find_trunk(rest) or trunk, evidence)
    for branch_id, likeness in accessory.items():
        for below in tree.subtree(branch_id):
            draft.labels[below] = BranchLabel(ACCESSORY_CARDIAC, likeness)
        draft.notes.append(f"accessory cardiac bronchus: branch {branch_id} leaves the medial wall of the bronchus above it")
    changed: dict[int, Branch] = {branch.id: replace(branch, label=draft.labels.get(branch.id)) for branch in tree}
    return replace(tree.with_branches(changed), notes=(*kept, *draft.notes))


def _drafted(territories: _Territories, trunk: _Trunk, evidence: LobeEvidence | None) -> _Draft:
    draft = _Draft()
    for branch_id in trunk.trachea:
        draft.labels[branch_id] = BranchLabel(TRACHEA, 1.0)
    for side in ("right", "left"):
        if trunk.roots[side]:
            _label_lung(territories, trunk, side, evidence, draft)
    _note_variants(territories.tree, trunk, draft)
    return draft
