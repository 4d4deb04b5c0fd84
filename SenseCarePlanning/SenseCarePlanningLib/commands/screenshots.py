"""``screenshots``: pictures of every step of the desktop modules, made without a desktop, in each language."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..errors import InputError, SenseCareError

LANGUAGES = ("en", "zh")
MODULES = ("hub", "lungairway", "cardiaccta")
CACHE_VARIABLE = "SENSECARE_SCREENS_CACHE"
"""Tells ``Testing/Desktop/screens_data.py`` where the digital patient and its plan are kept."""


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("screenshots", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the pictures (default: Resources/Screenshots)")
    parser.add_argument("--language", choices=(*LANGUAGES, "both"), default="both")
    parser.add_argument("--module", choices=(*MODULES, "all"), default="all")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="keep the digital patient and its plan in this folder, for the next call; without it they are made anew (minutes)",
    )
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--verbose", action="store_true", help="log what happens")
    parser.set_defaults(start=start)


def start(arguments: argparse.Namespace) -> int:
    """Take the pictures, each module and language in a process of its own."""
    root = Path(__file__).resolve().parents[3]
    program = root / "Testing" / "Desktop" / "screens.py"
    if not program.is_file():
        raise InputError("Screenshots are made from the source tree, which holds Testing/Desktop; this is an installed copy.")
    lacking = [name for name in ("PySide6", "slicer") if importlib.util.find_spec(name) is None]
    if lacking:
        raise InputError(
            f"Screenshots need the test environment: the package {' and '.join(lacking)} is missing. "
            "Start them with ./run screenshots, which installs it."
        )
    out = (arguments.out or root / "Resources" / "Screenshots").expanduser().absolute()
    modules = MODULES if arguments.module == "all" else (arguments.module,)
    languages = LANGUAGES if arguments.language == "both" else (arguments.language,)
    with tempfile.TemporaryDirectory() as scratch:
        cache = arguments.cache.expanduser().absolute() if arguments.cache else Path(scratch)
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", CACHE_VARIABLE: str(cache)}
        for module in modules:
            for language in languages:
                command = [sys.executable, str(program), module, language, str(out / language)]
                done = subprocess.run(command, env=environment, check=False)
                if done.returncode:
                    raise SenseCareError(f"The pictures of {module} in {language} could not be taken; the lines above say why.")
    return 0
