"""Names of bronchi on digital patients, whose truth comes from the generator of the patients.

Usage: python Testing/Benchmarks/labels.py [--patients 20] [--first-seed 0] [--smallest-diameter 2.0] [--json]

A branch counts when its true name is segmental (or lobar); branches thinner than ``--smallest-diameter`` mm are taken out
first, since no CT shows them (0 keeps all). The templates that give the names were written from the anatomy books
without looking at the generator.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import replace

import numpy as np

from LungAirwayLib.labels import label_tree
from LungAirwayLib.naming import lobe_of, segment_of
from SenseCarePlanningLib.phantom.thorax import ThoraxOptions, make_thorax
from SenseCarePlanningLib.tubes.tree import Tree


def visible_part(tree: Tree, smallest_diameter_mm: float) -> Tree:
    """Return the branches of at least a diameter that hang on the trachea, without their names."""
    kept, pending = set(), [tree.root_id]
    while pending:
        current = pending.pop()
        kept.add(current)
        pending.extend(child for child in tree[current].child_ids if tree[child].diameter_mm >= smallest_diameter_mm)
    branches = {
        number: replace(tree[number], label=None, child_ids=tuple(child for child in tree[number].child_ids if child in kept))
        for number in kept
    }
    return Tree(branches, tree.root_id)


def score(tree: Tree, smallest_diameter_mm: float) -> Counter[str]:
    """Count right, wrong and abstained names of one patient."""
    found: Counter[str] = Counter()
    for branch in label_tree(visible_part(tree, smallest_diameter_mm)):
        true_label = tree[branch.id].label
        if true_label is None:
            continue
        given = branch.label.code if branch.label is not None else None
        if (lobe := lobe_of(true_label.code)) is not None:
            found["lobar"] += 1
            found["lobar_right"] += lobe_of(given) == lobe
        if (segment := segment_of(true_label.code)) is not None:
            found["segmental"] += 1
            found["segmental_right"] += segment_of(given) == segment
            found["segmental_abstained"] += segment_of(given) is None
    return found


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--smallest-diameter", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for seed in range(options.first_seed, options.first_seed + options.patients):
        found = score(make_thorax(ThoraxOptions(seed=seed)).tree, options.smallest_diameter)
        rows.append({"seed": seed, **found})
        if not options.json:
            sys.stdout.write(
                f"seed {seed:3d}  branches {found['lobar']:5d}  lobar {found['lobar_right'] / found['lobar']:.1%}  segmental "
                f"{found['segmental_right'] / found['segmental']:.1%}  abstained "
                f"{found['segmental_abstained'] / found['segmental']:.1%}\n"
            )
    mean = {
        "lobar": float(np.mean([row["lobar_right"] / row["lobar"] for row in rows])),
        "segmental": float(np.mean([row["segmental_right"] / row["segmental"] for row in rows])),
        "abstained": float(np.mean([row["segmental_abstained"] / row["segmental"] for row in rows])),
    }
    sys.stdout.write(
        json.dumps({"mean": mean, "patients": rows}) + "\n"
        if options.json
        else "mean      " + "  ".join(f"{name} {value:.1%}" for name, value in mean.items()) + "\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
