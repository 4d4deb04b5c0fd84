"""``series``: what is in a DICOM folder, and which series a plan would be made on."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from ..errors import InputError


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("series", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.add_argument("input", type=Path, help="DICOM folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--verbose", action="store_true", help="log what happens")
    parser.set_defaults(start=start)


def start(arguments: argparse.Namespace) -> int:
    """Print a row a series, then the choice and its reason."""
    from ..dicomio.discover import choose_series, list_series

    found = list_series(arguments.input)
    try:
        chosen, reason = choose_series(found)
        chosen_uid = chosen.uid
    except InputError as error:
        chosen_uid, reason = None, str(error)
    if arguments.json:
        rows = [dataclasses.asdict(info) for info in found]
        print(json.dumps({"series": rows, "chosen": chosen_uid, "reason": reason}, indent=1, ensure_ascii=False, default=str))
        return 0
    for info in found:
        mark = "*" if info.uid == chosen_uid else " "
        print(f"{mark} {info.summary()}")
    print(reason)
    return 0
