"""Anatomical names of the airway tree: trachea, main, lobar and segmental bronchi, with confidence and abstention.

Strategy: find the carina as the node that best parts the tips into right and left; part each lung's branches among
upper lobe, middle lobe (or lingula), superior segment and basal trunk; part each of these among its segments. Both
partings are optimal assignments (see ``assignment``) of names to whole subtrees, priced by how far the tips and the
first course of each subtree deviate from the directions in the anatomy books (see ``bronchus_templates``).

A name is given only when its probability leads the second best by :data:`ABSTAIN_BELOW_GAP`; otherwise the branch
is named after the bronchus above it (or, when even the lobe is uncertain, not at all), and the alternatives are kept.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.tree import Branch, BranchLabel, Tree
from SenseCarePlanningLib.volume import LabelMap

from .assignment import Assignment, Problem, alternatives, assign
from .branch_names import trunk_name, with_unique_names
from .bronchus_templates import GROUP_LOBAR_CODE, LUNGS, SEGMENTS, Family, names_of
from .carina import Trunk, find_trunk
from .constants import ACCESSORY_CARDIAC, INTERMEDIATE, LEFT_MAIN, RIGHT_MAIN, TRACHEA
from .name_prices import LobeEvidence, lobe_penalty, price_names
from .name_remarks import OWN_NOTE, Draft, find_accessory, find_misplaced, note_segments, note_variants, without
from .naming import segment_of
from .subtrees import Territories, in_fixed_order

logger = logging.getLogger(__name__)

ABSTAIN_BELOW_GAP = 0.15
"""Best minus second probability below which no name is given (a design choice of this program, not a clinical rule)."""
TEMPERATURE = 0.06
"""Cost difference that changes the odds of two names by a factor e."""
LONE_TIP_DOUBT, DOUBT_TIPS = 0.25, 4.0
"""A segment that shows by few tips is the likelier to be a neighbour's branch or a false one: with one tip its confidence
loses the first, and that loss shrinks by a factor e with each further ``DOUBT_TIPS``. Chosen on digital patients whose
trees had lost and gained 5 % of their branches: of names held for certain, about 85 % with four tips or fewer were right,
and 97 % or more with five and more."""
WHOLE_LOBE_CODE = {"LUDB": "LULB", "LingB": "LULB"}
_TRUNK_CODE = {
    ("right", frozenset({"six", "basal"})): "RLLB",
    ("left", frozenset({"six", "basal"})): "LLLB",
    ("left", frozenset({"upper", "middle"})): "LULB",
    ("right", frozenset({"middle", "six", "basal"})): INTERMEDIATE,
    ("right", frozenset({"middle", "basal"})): INTERMEDIATE,
    ("right", frozenset({"middle", "six"})): INTERMEDIATE,
}


def _trunk_code(side: str, groups: frozenset[str]) -> str:
    return _TRUNK_CODE.get((side, groups), RIGHT_MAIN if side == "right" else LEFT_MAIN)


def _label_lung(territories: Territories, trunk: Trunk, side: str, evidence: LobeEvidence | None, draft: Draft) -> None:
    tree, roots, family = territories.tree, trunk.roots[side], LUNGS[side]
    tips = [tip for root in roots for tip in territories.tips_below[root]]
    problem = price_names(territories, roots, family, trunk.carina_lps_mm, lobe_penalty(tree, tips, side, evidence))
    found = assign(problem)
    starts: dict[str, dict[int, FloatArray]] = {}
    for branch_id, mask in found.masks.items():
        groups = names_of(family, mask)
        if len(groups) > 1:
            draft.trunks[branch_id] = _trunk_code(side, groups)
            draft.labels[branch_id] = BranchLabel(draft.trunks[branch_id], 1.0)
    chances = alternatives(problem, found.starts, TEMPERATURE)
    for branch_id, name in found.starts.items():
        starts.setdefault(family.templates[name].code, {})[branch_id] = chances[branch_id]
    for root in roots:
        if root not in trunk.early and len(names_of(family, found.masks[root])) == 1 and len(roots) == 1:
            draft.trunks[root] = RIGHT_MAIN if side == "right" else LEFT_MAIN
            draft.labels[root] = BranchLabel(draft.trunks[root], 1.0)
    for index, template in enumerate(family.templates):
        if template.code in starts:
            _label_group(territories, side, index, starts[template.code], draft)
        else:
            draft.notes.append(f"no branch found for {GROUP_LOBAR_CODE[side, template.code]} ({template.code} part)")


def _label_group(territories: Territories, side: str, group_index: int, starts: Mapping[int, FloatArray], draft: Draft) -> None:
    """Name the branches of one group: its trunk, its segments, and abstain where they are not certain."""
    tree, lung = territories.tree, LUNGS[side]
    group = lung.templates[group_index].code
    family = SEGMENTS[side][group]
    roots = sorted(starts, key=lambda root: -len(territories.tips_below[root]))
    main = tree[roots[0]]
    origin = np.asarray(main.points_lps_mm[-1] if main.child_ids and group != "basal" else main.points_lps_mm[0])
    problem = price_names(territories, roots, family, origin)
    found = assign(problem)
    lobar = GROUP_LOBAR_CODE[side, group]
    for root in roots:
        label = _lobar_label(side, group_index, starts[root])
        for branch_id in tree.subtree(root):
            draft.labels[branch_id] = label
        if label is not None and label.code == lobar:
            _label_segments(tree, root, draft, problem=problem, family=family, found=found, alone=len(roots) == 1)
            _note_trunks(tree, root, draft, found=found, family=family, lobar=lobar)
            if len(roots) == 1 and root in found.starts and len(family.templates) > 1:
                draft.trunks[root] = lobar
    note_segments(side, group, family, found, draft)


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
    tree: Tree, root: int, draft: Draft, *, problem: Problem, family: Family, found: Assignment, alone: bool
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


def _note_trunks(tree: Tree, root: int, draft: Draft, *, found: Assignment, family: Family, lobar: str) -> None:
    """Name the trunks of one group: the lobar bronchus for all of its segments, else by the segments it carries."""
    present = names_of(family, sum(1 << name for name in set(found.starts.values())))
    for branch_id in tree.subtree(root):
        carried, label = names_of(family, found.masks[branch_id]), draft.labels[branch_id]
        if len(carried) > 1 and label is not None:
            given = [draft.labels[start] for start in found.starts if branch_id in tree.path_to(start)]
            certain = [part for part in given if part is not None and segment_of(part.code)]
            whole = len(certain) < len(given) or (carried == present and family.named_as_lobe)
            draft.trunks[branch_id] = lobar if whole else trunk_name(sorted(carried))
            confidence = label.confidence if whole else min(part.confidence for part in certain)
            draft.labels[branch_id] = replace(label, confidence=confidence)


def _give(tree: Tree, branch_id: int, draft: Draft, *, name: int | None, family: Family, chances: FloatArray) -> None:
    """Write a segment's name (or, abstaining, only its alternatives) on a whole subtree."""
    tips = sum(not tree[below].child_ids for below in tree.subtree(branch_id))
    support = 1.0 - LONE_TIP_DOUBT * float(np.exp((1 - tips) / DOUBT_TIPS))
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
        draft.labels[below] = BranchLabel(code, float(chances[name] * lobar.confidence * support), (*rest, *lobar.alternatives))


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
        The same branches with ``label`` set: code, confidence (0 to 1) and alternatives. Every code is given once (the rules
        are in ``branch_names``); the confidence is that of the segment, not of the letters below it. Where the segment is
        not certain the code says below which bronchus; where the lobe is not certain ``label`` is None. ``notes``
        gains one sentence for each variant or missing bronchus; those of an earlier call are replaced.
    """
    kept = tuple(note for note in tree.notes if not OWN_NOTE.match(note))
    territories = Territories(in_fixed_order(tree))
    trunk = find_trunk(territories)
    if trunk is None:
        nameless = {branch.id: replace(branch, label=None) for branch in tree}
        note = "no carina found: the tree does not reach both lungs, so that no bronchus is named"
        return replace(tree.with_branches(nameless), notes=(*kept, note))
    evidence = None if lobes is None else (lobes, lobe_confidence)
    draft = _drafted(territories, trunk, evidence)
    accessory = find_accessory(territories, trunk.roots["right"], draft)
    misplaced = tuple(branch_id for branch_id in find_misplaced(territories, draft) if branch_id not in accessory)
    if accessory or misplaced:
        rest = Territories(without(territories.tree, [*accessory, *misplaced]))
        draft = _drafted(rest, find_trunk(rest) or trunk, evidence)
    for branch_id in misplaced:
        draft.labels.update(dict.fromkeys(tree.subtree(branch_id)))
        draft.notes.append(f"misplaced branch {branch_id}: it leaves above the upper lobe bronchus, where no segment begins")
    for branch_id, likeness in accessory.items():
        for below in tree.subtree(branch_id):
            draft.labels[below] = BranchLabel(ACCESSORY_CARDIAC, likeness)
        draft.notes.append(f"accessory cardiac bronchus: branch {branch_id} leaves the medial wall of the bronchus above it")
    labels = with_unique_names(tree, draft.labels, draft.trunks)
    changed: dict[int, Branch] = {branch.id: replace(branch, label=labels.get(branch.id)) for branch in tree}
    return replace(tree.with_branches(changed), notes=(*kept, *draft.notes))


def _drafted(territories: Territories, trunk: Trunk, evidence: LobeEvidence | None) -> Draft:
    draft = Draft()
    for branch_id in trunk.trachea:
        draft.trunks[branch_id] = TRACHEA
        draft.labels[branch_id] = BranchLabel(TRACHEA, 1.0)
    for side in ("right", "left"):
        if trunk.roots[side]:
            _label_lung(territories, trunk, side, evidence, draft)
    note_variants(territories.tree, trunk, draft)
    return draft
