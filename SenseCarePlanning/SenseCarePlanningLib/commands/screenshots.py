"""``screenshots``: pictures of every step of the desktop modules, made without a desktop, in each language."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..errors import InputError, SenseCareError

LANGUAGES = ("en", "zh")
MODULES = ("hub", "lungairway")


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("screenshots", help=summary, description=summary.capitalize() + ".")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the pictures (default: Resources/Screenshots)")
    parser.add_argument("--language", choices=(*LANGUAGES, "both"), default="both")
    parser.add_argument("--module", choices=(*MODULES, "all"), default="all")
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
    for module in MODULES if arguments.module == "all" else (arguments.module,):
        for language in LANGUAGES if arguments.language == "both" else (arguments.language,):
            environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
            command = [sys.executable, str(program), module, language, str(out / language)]
            done = subprocess.run(command, env=environment, check=False)
            if done.returncode:
                raise SenseCareError(f"The pictures of {module} in {language} could not be taken; the lines above say why.")
    return 0
