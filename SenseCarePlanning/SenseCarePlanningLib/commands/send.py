"""``send``: a result's structured report, segmentation, PDF and pictures to a PACS."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..console import JsonLines, console_sink
from ..errors import InputError, SenseCareError
from ..progress import Progress
from .result_dicom import (
    add_destination_arguments,
    check_current,
    check_result,
    destination_of,
    dicom_files,
    pictures_of,
    stopping_keeps_what_is_done,
    study_of,
    title_of,
)


def add_parser(subparsers: Any, summary: str) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser("send", help=summary, description=f"{summary[:1].upper()}{summary[1:]}.")
    add_destination_arguments(parser)
    parser.add_argument("--no-pictures", action="store_true", help="leave the secondary captures out")
    parser.add_argument("--all-pictures", action="store_true", help="also the pictures of each bifurcation on the way")
    parser.set_defaults(start=start)


def start(arguments: argparse.Namespace) -> int:
    """Gather, send, tell what became of each file."""
    from ..dicomio.store import as_dicts, send_files

    destination, patience = destination_of(arguments)
    check_current(check_result(arguments.result))
    with tempfile.TemporaryDirectory() as scratch:
        files = _gathered(arguments, Path(scratch))
        if arguments.dry_run:
            return _tell_contents(arguments, files, str(destination))
        progress = Progress(console_sink(arguments.json))
        # The destination in the command is the user's explicit yes.
        with stopping_keeps_what_is_done("files that were sent"):
            found = send_files(files, destination, allowed=True, patience=patience, progress=progress)
    stored = sum(one.stored for one in found)
    if arguments.json:
        JsonLines(sys.stdout).write(
            {"event": "done", "exit_code": 0 if stored == len(found) else 1, "stored": stored, "files": as_dicts(found)}
        )
    else:
        for one in found:
            print(f"  {'stored' if one.stored else 'FAILED':<7} {one.name}" + (f": {one.remark}" if one.remark else ""))
        print(f"{stored} of {len(found)} files stored by {destination}.")
    if stored < len(found):
        raise SenseCareError(f"{len(found) - stored} of {len(found)} files were not stored by {destination}.")
    return 0


def _gathered(arguments: argparse.Namespace, scratch: Path) -> list[Path]:
    """Return the files to send; pictures become secondary captures in the scratch folder."""
    from ..dicomio.secondary_capture import read_capture, write_captures

    files = dicom_files(arguments.result)
    if not files:
        raise InputError(
            f"The result {arguments.result.name} holds nothing to send: it was not made from DICOM, so it belongs to no study."
        )
    if arguments.no_pictures:
        return files
    pictures = pictures_of(arguments.result, steps=arguments.all_pictures)
    captures = [read_capture(path, title_of(path)) for path in pictures]
    written, _ = write_captures(captures, study_of(arguments.result), scratch)
    return [*files, *written]


def _tell_contents(arguments: argparse.Namespace, files: list[Path], destination: str) -> int:
    from ..dicomio.store import describe

    rows = describe(files)
    if arguments.json:
        listed = [{"file": name, "kind": kind, "bytes": size} for name, kind, size in rows]
        JsonLines(sys.stdout).write({"event": "contents", "to": destination, "files": listed})
        return 0
    print(f"Would be sent to {destination}; each file names the patient:")
    for name, kind, size in rows:
        print(f"  {name:<12} {size / 1e6:8.1f} MB  {kind}")
    return 0
