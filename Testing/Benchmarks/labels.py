"""Names of bronchi on digital patients: from true masks, spoiled on purpose, and through CT and engine.

Usage: python Testing/Benchmarks/labels.py [--seeds 0-19] [--spoil SHARE] [--through-ct] [--smallest-diameter 2.0]
                                           [--keep FOLDER] [--json]

The true lumen of each patient (seven of twenty with a variant: tracheal bronchus, missing LB7, LB7 of its own origin,
accessory cardiac bronchus) is painted on 0.75 mm voxels, without the branches thinner than ``--smallest-diameter`` mm
that no CT shows; the tree is built from that mask alone and named. The truth of a rebuilt branch is the true branch that
most of its centreline lies nearest to. The templates that give the names were written from the anatomy books.

Counted are
lobar      rebuilt branches from the lobar to the segmental bronchi (true name without a subsegment): is the lobe right?
segmental  rebuilt branches of segmental bronchi and all below them: is the segment right? An abstention (named after the
           bronchus above, or not at all) is not right; it is counted on its own as well.
roots      the segmental bronchi alone, one a name.
A rebuilt branch with less than four fifths of its tips in its segment is a common trunk, where the mask's lumens run
together, and counts for no segment. ``--spoil 0.05`` drops subtrees of 5 % of the branches (generation 3 and more) and
grows as many false ones, ``--spoilings`` times a patient; ``--through-ct`` names what the classical engine finds in a
simulated CT (0.9 x 0.9 x 1.0 mm, 22 HU noise). The reliability table sets the stated confidence of named segmental
bronchi beside how many are right: most branches below are of that segment; false branches are of none. ``--keep``
stores the trees, which take most of the time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from labels_cases import VARIANTS, named_as_shown, patient, patient_through_ct, spoiled, true_codes

from LungAirwayLib.constants import RML
from LungAirwayLib.labels import label_tree
from LungAirwayLib.naming import lobe_of, segment_of, split_code
from SenseCarePlanningLib.tubes.tree import Tree

OWN_TIPS = 0.8
EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01)
"""Borders of the confidence classes in the reliability table."""


@dataclass
class Score:
    """What was counted: numbers, which names went wrong, and (confidence, right) of each named segmental bronchus."""

    found: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    stated: list[tuple[float, bool]] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Take up another patient."""
        self.found += other.found
        self.wrong += other.wrong
        self.stated += other.stated


def true_parts(code: str) -> tuple[int | None, str | None, str]:
    """Return lobe, segment and subsegment of a true name; none for bronchi that our codes do not have."""
    if not code:
        return None, None, ""
    try:
        return lobe_of(code), segment_of(code), split_code(code)[1]
    except ValueError:
        return None, None, ""


def mixed(tree: Tree, segments: dict[int, str | None]) -> set[int]:
    """Return the branches whose tips are of several segments: common trunks."""
    found, tips = set(), {tip.id for tip in tree.tips}
    for branch in tree:
        below = [segments[each] for each in tree.subtree(branch.id) if each in tips and segments[each] is not None]
        if below and below.count(segments[branch.id]) < OWN_TIPS * len(below):
            found.add(branch.id)
    return found


def score(labelled: Tree, truth: Tree, false_ids: frozenset[int] = frozenset()) -> Score:
    """Count right, wrong and abstained names of one named tree."""
    result = Score()
    found, wrong = result.found, result.wrong
    codes = {key: code for key, code in true_codes(labelled, truth).items() if key not in false_ids}
    segments = {branch.id: true_parts(codes.get(branch.id, ""))[1] for branch in labelled}
    segments.update(dict.fromkeys(mixed(labelled, segments)))
    for branch in labelled:
        lobe, _, subsegment = true_parts(codes.get(branch.id, ""))
        segment = segments[branch.id]
        label = branch.label
        given = label.code if label is not None else None
        root = branch.parent_id is None or segments[branch.parent_id] != segment
        if label is not None and segment_of(given) == given:
            below = [segments[each] == given for each in labelled.subtree(branch.id)]
            result.stated.append((label.confidence, sum(below) > len(below) / 2))
        found["repeated"] += given is not None and any(
            other.id < branch.id and other.label is not None and other.label.code == given for other in labelled
        )
        found["branches"] += 1
        if lobe is not None and not subsegment:
            found["lobar"] += 1
            found["lobar_right"] += lobe_of(given) == lobe
            if lobe_of(given) != lobe:
                wrong[f"{codes[branch.id]}->{given}"] += 1
        if segment is None:
            found["not_true"] += branch.id not in codes
            found["not_true_named"] += branch.id not in codes and segment_of(given) == given is not None
            continue
        found["rb7_as_middle"] += segment == "RB7" and lobe_of(given) == RML
        for kind in ("segmental", "roots")[: 2 if root else 1]:
            found[kind] += 1
            found[f"{kind}_right"] += segment_of(given) == segment
            found[f"{kind}_abstained"] += segment_of(given) is None
            if kind == "roots" and segment_of(given) != segment:
                wrong[f"{segment}->{segment_of(given) or given}"] += 1
    return result


def rates(found: Counter[str]) -> dict[str, float]:
    """Return the shares of one or all patients."""
    shares = {"lobar": found["lobar_right"] / max(found["lobar"], 1)}
    for kind in ("segmental", "roots"):
        for what in ("right", "abstained"):
            shares[f"{kind}_{what}"] = found[f"{kind}_{what}"] / max(found[kind], 1)
    return shares


def reliability(stated: list[tuple[float, bool]]) -> list[dict[str, float]]:
    """Return one row a class of stated confidence: how many names, their mean confidence, the share that is right."""
    values = np.array([confidence for confidence, _ in stated])
    right = np.array([correct for _, correct in stated], dtype=float)
    rows = []
    for low, high in itertools.pairwise(EDGES):
        inside = (values >= low) & (values < high)
        if inside.any():
            rows.append({"from": low, "names": int(inside.sum()), "stated": float(values[inside].mean()),
                         "right": float(right[inside].mean())})  # fmt: skip
    sure = values >= 0.9
    if sure.any():
        rows.append(
            {"from": 0.9, "names": int(sure.sum()), "stated": float(values[sure].mean()), "right": float(right[sure].mean())}
        )
    return rows


def judged(seed: int, options: argparse.Namespace) -> Score:
    """Name one patient as asked, and count."""
    if options.through_ct:
        truth, tree = patient_through_ct(seed, options.keep)
        return score(named_as_shown(label_tree(tree)), truth)
    truth, tree = patient(seed, options.smallest_diameter, options.keep)
    if not options.spoil:
        return score(label_tree(tree), truth)
    total = Score()
    for turn in range(options.spoilings):
        bad, false_ids = spoiled(tree, options.spoil, np.random.default_rng([seed, turn, 17]))
        total.add(score(label_tree(bad), truth, false_ids))
    return total


def seed_range(text: str) -> list[int]:
    """Read ``0-19`` or ``3,7,11``."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    return seeds


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=seed_range, default=list(range(20)), metavar="FIRST-LAST")
    parser.add_argument("--spoil", type=float, default=0.0, metavar="SHARE")
    parser.add_argument("--spoilings", type=int, default=1)
    parser.add_argument("--through-ct", action="store_true")
    parser.add_argument("--smallest-diameter", type=float, default=2.0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows, total = [], Score()
    for seed in options.seeds:
        one = judged(seed, options)
        total.add(one)
        rows.append({"seed": seed, "variant": VARIANTS.get(seed % 20), **rates(one.found), "wrong": dict(one.wrong)})
        if not options.json:
            wrong = " ".join(f"{name} x{count}" if count > 1 else name for name, count in one.wrong.most_common(12))
            sys.stdout.write(f"seed {seed:3d}  {one.found['branches']:4d} branches  {_line(rates(one.found))}  {wrong}\n")
            sys.stdout.flush()
    table = reliability(total.stated)
    if options.json:
        sys.stdout.write(
            json.dumps({"all": rates(total.found), "counts": total.found, "reliability": table, "patients": rows}) + "\n"
        )
        return 0
    sys.stdout.write(f"all  {total.found['branches']} branches  {_line(rates(total.found))}\n")
    sys.stdout.write(f"segmental bronchi {total.found['roots']}; most often wrong: {total.wrong.most_common(8)}\n")
    sys.stdout.write(
        f"names given twice within a tree: {total.found['repeated']}; branches without a true one: {total.found['not_true']}, "
        f"named as a segmental bronchus: {total.found['not_true_named']}\n"
    )
    sys.stdout.write(f"RB7 named as a middle lobe bronchus: {total.found['rb7_as_middle']}\n")
    for number, row in enumerate(table):
        kind = "confidence" if number < len(table) - 1 else "all"
        numbers = f"names {row['names']:5d}  stated {row['stated']:.3f}  right {row['right']:.3f}"
        sys.stdout.write(f"{kind + ' from':15s} {row['from']:4.2f}  {numbers}\n")
    return 0


def _line(shares: dict[str, float]) -> str:
    parts = [f"lobar {shares['lobar']:6.1%}"]
    for kind in ("segmental", "roots"):
        parts.append(f"{kind} {shares[kind + '_right']:6.1%} (abstained {shares[kind + '_abstained']:5.1%})")
    return "  ".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())
