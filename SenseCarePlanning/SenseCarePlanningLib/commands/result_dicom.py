"""What of a result folder can go to other DICOM nodes, and the arguments that the commands for it share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..case_folder import DICOM_FILES, PICTURES, is_case, is_outdated
from ..dicomio.network import CALLING_AE, Destination, Patience
from ..dicomio.study import StudyInfo
from ..errors import Cancelled, InputError, SenseCareError

STEP_PICTURES = "step_"
"""One picture for each bifurcation of each route: they are in the report, and would flood a PACS."""


def add_destination_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the result, and where it shall go."""
    parser.add_argument("result", type=Path, help="folder of a result")
    parser.add_argument("--to", required=True, metavar="HOST:PORT:AET", help="the DICOM node; naming it is the yes to sending")
    parser.add_argument("--from", dest="calling_ae", default=CALLING_AE, metavar="AET", help=f"our AE title ({CALLING_AE})")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="longest wait for an answer (default 60)")
    parser.add_argument("--dry-run", action="store_true", help="say what would leave this machine; open no connection")
    parser.add_argument("--json", action="store_true", help="progress and outcome as JSON lines")
    parser.add_argument("--verbose", action="store_true", help="log what happens, and the details of a failure")


def destination_of(arguments: argparse.Namespace) -> tuple[Destination, Patience]:
    """Return where to, and how long to wait.

    Raises
    ------
    InputError
        When the destination or the time is not usable.
    """
    if not 1.0 <= arguments.timeout <= 3600.0:
        raise InputError(f"The longest wait must be 1 to 3600 seconds, got {arguments.timeout:g}.")
    patience = Patience(connect_s=min(10.0, arguments.timeout), answer_s=arguments.timeout)
    return Destination.parse(arguments.to, arguments.calling_ae), patience


@contextmanager
def stopping_keeps_what_is_done(what: str) -> Iterator[None]:
    """Say of a stop what it means here: not that nothing happened.

    Parameters
    ----------
    what
        What stays, such as "files that were sent".
    """
    try:
        yield
    except (Cancelled, KeyboardInterrupt):
        raise SenseCareError(f"Stopped at the user's request; {what} until then stay where they are.") from None


def check_result(folder: Path) -> Path:
    """Refuse what is no result folder of ours.

    Raises
    ------
    InputError
        When it is none.
    """
    if not folder.is_dir():
        raise InputError(f"The result {folder.name} does not exist.")
    if not is_case(folder):
        raise InputError(f"The folder {folder.name} is no result of SenseCare Planning.")
    return folder


def check_current(folder: Path) -> None:
    """Refuse to give away a report that does not hold the reader's last change.

    Raises
    ------
    InputError
        When it is older.
    """
    if is_outdated(folder):
        raise InputError(
            f"The report of {folder.name} is older than the reader's last change; make it again (regrade), or in the window."
        )


def dicom_files(folder: Path) -> list[Path]:
    """Return the DICOM files of a result."""
    return [folder / name for name in DICOM_FILES if (folder / name).is_file()]


def study_of(folder: Path) -> StudyInfo:
    """Return whose a result is, as its DICOM files say; empty when it has none."""
    from ..dicomio.read_study import read_study

    files = dicom_files(folder)
    # The series is the written object's own, not the CT's.
    return replace(read_study(files[0]), series_uid=None) if files else StudyInfo()


def pictures_of(folder: Path, steps: bool = False) -> list[Path]:
    """Return a result's pictures by name, those of single steps only when asked for."""
    found = sorted((folder / PICTURES).glob("*.png"))
    return found if steps else [path for path in found if not path.name.startswith(STEP_PICTURES)]


def title_of(picture: Path) -> str:
    """Return what a picture shows, from its file's name: ``step_3_1`` is "Route 3, step 1"."""
    step = re.fullmatch(STEP_PICTURES + r"(\d+)_(\d+)", picture.stem)
    if step is not None:
        return f"Route {step[1]}, step {step[2]}"
    text = picture.stem.replace("_", " ")
    return text[:1].upper() + text[1:]
