"""The command line (ring 2): reads arguments, starts a command, turns every failure into a sentence and an exit code."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import select
import sys
import traceback
import warnings
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from . import __version__
from .console import JsonLines, console_language, disarm
from .errors import InputError, SenseCareError
from .i18n import LANGUAGES, translator

COMMANDS = (
    "airway",
    "coronary",
    "demo",
    "evaluate",
    "phantom",
    "print",
    "regrade",
    "replan",
    "screenshots",
    "send",
    "series",
    "train",
)
"""Each is a module of :mod:`SenseCarePlanningLib.commands` with ``add_parser(subparsers)``; imported only when asked for."""

SUMMARIES = {
    "airway": "plan a bronchoscopy on a chest CT or on an airway mask",
    "coronary": "grade the coronary arteries on a coronary CT angiogram",
    "demo": "make a digital patient and plan a bronchoscopy on it",
    "evaluate": "score an airway segmentation, the choice of exit branches, or a coronary analysis",
    "phantom": "make a digital patient: a DICOM series with its exact truth",
    "print": "print a result's report or pictures on a DICOM film printer",
    "regrade": "write the report of a coronary result, with a reader's changes",
    "replan": "plan again on an earlier result: another target, an edited tree, a painted airway, or its report",
    "screenshots": "take pictures of every step of the desktop modules, for the documentation",
    "send": "send a result's reports, segmentation and pictures to a PACS",
    "series": "list the series of a DICOM folder and say which one would be used",
    "train": "train a network that ships: airway or coronary",
}

NOBODY_READS = 141
"""Exit code of a program whose reader has left, as the shell gives it to one that the signal SIGPIPE ends: ``... | head -1``."""

logger = logging.getLogger(__name__)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are bad input (exit code 2) in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self.prog}: {message}. See {self.prog} --help.")


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """Return the parser; only the named command's own arguments are loaded, so that help stays instant."""
    parser = _Parser(
        prog="run",
        description="SenseCare Planning: from a patient's scans to a surgical plan and a printable report. "
        "For research; not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"SenseCare Planning {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="command", required=True, parser_class=_Parser)
    for name in COMMANDS:
        if name == command:
            importlib.import_module(f"{__package__}.commands.{name}").add_parser(subparsers, SUMMARIES[name])
        else:
            subparsers.add_parser(name, help=SUMMARIES[name])
    return parser


def join_negative_values(arguments: Sequence[str]) -> list[str]:
    """Write ``--target -40,10,-90`` as ``--target=-40,10,-90``: argparse takes a leading minus for an option."""
    joined: list[str] = []
    for argument in arguments:
        is_numbers = argument.startswith("-") and "," in argument and argument[1:2].isdigit()
        if is_numbers and joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += "=" + argument
        else:
            joined.append(argument)
    return joined


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done, 1 failed or stopped, 2 bad input, 141 when nobody reads its output any more.
    """
    try:
        try:
            return _answered(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        unread = _unread()
        if not unread:
            raise
        for number in unread:  # what is still to be written goes nowhere, without an error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
        return NOBODY_READS


def _answered(arguments: Sequence[str] | None) -> int:
    """Run one command, and tell of every failure."""
    given = join_negative_values(sys.argv[1:] if arguments is None else arguments)
    as_json, verbose = "--json" in given, "--verbose" in given
    tell = partial(_tell, as_json=as_json, verbose=verbose, language=console_language(_language(given), as_json))
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    if not verbose:
        warnings.filterwarnings("ignore")  # libraries warn with paths of this machine; ours are sentences of the result
    # highdicom names study and instance UIDs at INFO: an identity, for whoever has the archive.
    logging.getLogger("highdicom").setLevel(logging.WARNING)
    if not verbose:  # its errors are our sentences
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    command = next((argument for argument in given if not argument.startswith("-")), None)
    try:
        return _run(command, given)
    except SenseCareError as error:
        tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        tell(SenseCareError("Stopped at the user's request; nothing was written."))
        return 1
    except MemoryError:
        tell(SenseCareError("The machine ran out of memory; close other programs or crop the CT to the chest, then try again."))
        return 1
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0] or str(error)
        remedy = "install it (in Slicer: SenseCare Planning, Self-check) and run again"
        tell(SenseCareError(f"The Python package {package} is missing; {remedy}."))
        return 1
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _unread():
            raise
        # The promise is a sentence, never a traceback; the engineer finds it with --verbose.
        logger.info("unexpected failure", exc_info=True)
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.name}, line {place.lineno}"
        tell(
            SenseCareError(
                f"The program failed unexpectedly ({type(error).__name__} in {where}); nothing was written. "
                "Run the command again with --verbose and report what it prints.",
            )
        )
        return 1


def _run(command: str | None, given: Sequence[str]) -> int:
    """Run a command; however it ends, a request to stop that is still under way interrupts nothing after it."""
    try:
        options = build_parser(command).parse_args(given)
        return int(options.start(options) or 0)
    finally:
        disarm()


def _unread() -> list[int]:
    """Return which of our outputs (1 standard output, 2 standard error) are pipes whose reader has left."""
    found = []
    for number in (1, 2) if hasattr(select, "poll") else ():
        watched = select.poll()
        watched.register(number, 0)  # errors are always told
        if any(told & (select.POLLERR | select.POLLHUP) for _, told in watched.poll(0)):
            found.append(number)
    return found


def _language(given: Sequence[str]) -> str:
    """Return the language asked for, before the arguments are understood: what is wrong with them is told in it, too."""
    found = "en"
    for argument, following in zip(given, [*given[1:], ""], strict=False):
        name, _, value = argument.partition("=")
        if len(name) > len("--") and "--language".startswith(name):  # argparse takes the beginning of a name for the name
            found = value or following
    return found if found in LANGUAGES else "en"


def _tell(error: SenseCareError, as_json: bool, verbose: bool, language: str) -> None:
    problems = list(error.problems) if isinstance(error, InputError) else []
    if as_json:
        JsonLines(sys.stdout).write(
            {"event": "error", "exit_code": error.exit_code, "message": error.user_message, "problems": problems}
        )
        return
    words = translator(language)
    said, *listed = (words.sentence(one, words.sentence) for one in (error.user_message, *problems))
    print("\n".join(["", said, *(f"  - {one}" for one in listed)]), file=sys.stderr)
    if verbose and error.detail:
        print(error.detail, file=sys.stderr)
