"""``evaluate``: scores exactly as their authors define them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from ..phantom.coronary_truth import CoronaryTruth


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the evaluations."""
    parser = subparsers.add_parser("evaluate", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    kinds = parser.add_subparsers(dest="kind", metavar="what", required=True)
    airway = kinds.add_parser("airway", help="tree length, branches, DSC and precision as in ATM'22, with twins in mm")
    airway.add_argument("prediction", type=Path)
    airway.add_argument("truth", type=Path)
    airway.set_defaults(start=score_airway)
    exits = kinds.add_parser("exit-branch", help="hide the distal tree and ask which branch leads to its tips")
    exits.add_argument("mask", type=Path)
    exits.set_defaults(start=score_exit_branch)
    coronary = kinds.add_parser(
        "coronary", help="centrelines, names, stenoses, plaque and CAD-RADS against a digital patient's truth"
    )
    coronary.add_argument("result", type=Path, help="result folder of the coronary command")
    coronary.add_argument("truth", type=Path, help="digital patient, its truth folder or coronary.json")
    coronary.set_defaults(start=score_coronary)
    for kind in (airway, exits, coronary):
        kind.add_argument("--json", action="store_true", help="print JSON")
        kind.add_argument("--verbose", action="store_true", help="log what happens")


def score_airway(arguments: argparse.Namespace) -> int:
    """Print the scores of a predicted airway mask against the truth."""
    from ..dicomio.files import read_label_map
    from ..evaluation.atm22 import evaluate_airway

    scores = evaluate_airway(read_label_map(arguments.prediction, allow_empty=True), read_label_map(arguments.truth))
    print_scores(scores.as_dict(), arguments.json)
    return 0


def score_exit_branch(arguments: argparse.Namespace) -> int:
    """Print how often the right exit branch is ranked first and among the first three."""
    from LungAirwayLib.exit_benchmark import evaluate_exit_branch

    from ..dicomio.files import read_label_map

    print_scores(evaluate_exit_branch(read_label_map(arguments.mask)), arguments.json)
    return 0


def score_coronary(arguments: argparse.Namespace) -> int:
    """Print the scores of a coronary result against the truth of the digital patient."""
    from CardiacCTALib.coronary_scores import score_result
    from CardiacCTALib.result_io import load_result

    print_scores(score_result(load_result(arguments.result), read_truth(arguments.truth)), arguments.json)
    return 0


def read_truth(path: Path) -> CoronaryTruth:
    """Read a digital patient's truth from its folder, its truth folder or the file.

    Raises
    ------
    InputError
        When there is none, or it is damaged.
    """
    from ..phantom.coronary_truth import load_truth

    places = [path, path / "coronary.json", path / "truth" / "coronary.json"]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise InputError(f"{path.name} holds no truth of a digital coronary patient (coronary.json).")
    try:
        return load_truth(file)
    except (ValueError, OSError) as error:
        raise InputError(f"{file.name} is no truth of a digital coronary patient.", detail=str(error)) from error


def print_scores(scores: Mapping[str, Any], as_json: bool) -> None:
    """Print scores as JSON or as aligned lines; nested groups are indented."""
    if as_json:
        print(json.dumps(scores, indent=1, ensure_ascii=False, allow_nan=False))
        return
    for line in _lines(scores, ""):
        print(line)


def _lines(scores: Mapping[str, Any], indent: str) -> list[str]:
    width = max((len(str(name)) for name in scores), default=0)
    lines: list[str] = []
    for name, value in scores.items():
        if isinstance(value, Mapping) and _is_short(value):
            lines.append(f"{indent}{name!s:<{width}}  {', '.join(f'{key} {_said(one)}' for key, one in value.items())}")
        elif isinstance(value, Mapping):
            lines.extend([f"{indent}{name}", *_lines(value, indent + "  ")])
        else:
            lines.append(f"{indent}{name!s:<{width}}  {_said(value)}")
    return lines


def _is_short(scores: Mapping[str, Any]) -> bool:
    """Tell whether scores fit on one line: true, measured, and whether that is right."""
    return len(scores) <= 3 and "measured" in scores and not any(isinstance(one, Mapping) for one in scores.values())


def _said(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
