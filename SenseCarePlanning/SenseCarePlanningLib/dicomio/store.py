"""DICOM files to a PACS: C-ECHO, then C-STORE, with an outcome for each file (ring 0; nothing is sent without a yes)."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ..errors import InputError
from ..progress import Progress
from .network import Destination, Link, NetworkError, Patience, open_link, require_consent

logger = logging.getLogger(__name__)

VERIFICATION = "1.2.840.10008.1.1"
NATIVE = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
STEP = "Sending DICOM files"
ATTEMPTS = 2
"""A lost connection is opened once more: storing the same object twice does no harm (PS3.4 annex B)."""


@dataclass(frozen=True)
class Delivery:
    """What became of one file.

    Parameters
    ----------
    name
        The file's name.
    stored
        Whether the other side says that it has it.
    remark
        Why not, or what the other side changed; a sentence, empty when all is well.
    """

    name: str
    stored: bool
    remark: str = ""


@dataclass(frozen=True)
class _Parcel:
    path: Path
    sop_class: str
    kind: str
    syntax: str


def check_connection(destination: Destination, *, allowed: bool, patience: Patience | None = None) -> None:
    """Ask a DICOM node whether it is there (C-ECHO).

    Raises
    ------
    InputError
        Without the user's yes.
    NetworkError
        When it cannot be reached, refuses, or does not answer.
    """
    with open_link(destination, {VERIFICATION: [NATIVE]}, allowed=allowed, patience=patience) as link:
        _echo(link, destination)


def _echo(link: Link, destination: Destination) -> None:
    status = link.association.send_c_echo()
    if getattr(status, "Status", None) != 0x0000:
        raise NetworkError(f"{destination} took the connection but did not answer the test call (C-ECHO); nothing was sent.")


def send_files(
    files: Sequence[Path],
    destination: Destination,
    *,
    allowed: bool,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> tuple[Delivery, ...]:
    """Send DICOM files, one after the other.

    Parameters
    ----------
    files
        DICOM files; each keeps its transfer syntax where the other side takes it, and is sent uncompressed where not.
    allowed
        The user's explicit yes that these files may go to this destination.
    progress
        Shows how far it is, and stops it.

    Returns
    -------
    tuple of Delivery
        One for each file, in their order.

    Raises
    ------
    InputError
        Without the yes, or when a file is no DICOM; nothing was sent.
    NetworkError
        When no connection comes about at all.
    Cancelled
        When the user stopped; files sent until then stay sent.
    """
    require_consent(allowed, destination)
    progress = progress or Progress()
    parcels = _parcels(files)
    outcome: dict[Path, Delivery] = {}
    start = time.perf_counter()
    with progress.step(STEP):
        for attempt in range(ATTEMPTS):
            waiting = [parcel for parcel in parcels if parcel.path not in outcome]
            if not waiting:
                break
            try:
                _send_over_one_link(waiting, destination, patience, progress, outcome, len(parcels))
            except NetworkError as error:
                if attempt == 0 and not outcome:
                    raise
                logger.warning("connection not opened again: %s", error.user_message)
    lost = f"not sent: the connection to {destination} was lost, and lost again; send once more when it is stable."
    found = tuple(outcome.get(parcel.path, Delivery(parcel.path.name, False, lost)) for parcel in parcels)
    stored = sum(one.stored for one in found)
    logger.info("%d of %d DICOM files stored, %.1f s", stored, len(found), time.perf_counter() - start)
    return found


def _parcels(files: Sequence[Path]) -> list[_Parcel]:
    parcels, problems = list[_Parcel](), list[str]()
    for path in dict.fromkeys(Path(file) for file in files):
        try:
            meta = pydicom.dcmread(path, specific_tags=["SOPClassUID", "SOPInstanceUID"], stop_before_pixels=True)
            sop_class = pydicom.uid.UID(meta.SOPClassUID)
            parcels.append(_Parcel(path, str(sop_class), sop_class.name, str(meta.file_meta.TransferSyntaxUID)))
        except (pydicom.errors.InvalidDicomError, AttributeError, OSError):
            problems.append(f"{path.name} is no DICOM file, or damaged")
    if problems:
        raise InputError("Nothing was sent.", problems)
    if not parcels:
        raise InputError("Nothing was sent: there are no DICOM files.")
    return parcels


def _contexts(parcels: Sequence[_Parcel]) -> dict[str, list[tuple[str, ...]]]:
    """Ask for each file's own transfer syntax, and for uncompressed ones as a way out."""
    wanted: dict[str, list[tuple[str, ...]]] = {VERIFICATION: [NATIVE]}
    for parcel in parcels:
        groups = wanted.setdefault(parcel.sop_class, [NATIVE])
        if parcel.syntax not in NATIVE and (parcel.syntax,) not in groups:
            groups.append((parcel.syntax,))
    return wanted


def _send_over_one_link(
    parcels: Sequence[_Parcel],
    destination: Destination,
    patience: Patience | None,
    progress: Progress,
    outcome: dict[Path, Delivery],
    total: int,
) -> None:
    cancelled = progress.sink.is_cancelled
    contexts = _contexts(parcels)
    with open_link(destination, contexts, allowed=True, patience=patience, is_cancelled=cancelled) as link:
        if link.accepts(VERIFICATION):
            _echo(link, destination)
        for parcel in parcels:
            progress.update(len(outcome) / total)
            delivery = _deliver(parcel, link, destination)
            if delivery is not None:
                outcome[parcel.path] = delivery
            if not link.is_open:
                logger.warning("connection lost after %d of %d files", len(outcome), total)
                return


def _deliver(parcel: _Parcel, link: Link, destination: Destination) -> Delivery | None:
    """Send one file; None when the connection was lost before the answer."""
    name, accepted = parcel.path.name, link.accepts(parcel.sop_class)
    if not accepted:
        return Delivery(name, False, f"not sent: {destination} takes no objects of the kind {parcel.kind}.")
    try:
        data = pydicom.dcmread(parcel.path)
        if parcel.syntax not in NATIVE and parcel.syntax not in accepted:
            data.decompress()
    except Exception as error:  # a damaged file fails in its decoder in many ways
        logger.warning("a file could not be read: %s", type(error).__name__)
        return Delivery(name, False, "not sent: the file is damaged, or compressed in a way that cannot be undone here.")
    try:
        status = link.association.send_c_store(data)
    except (ValueError, RuntimeError, AttributeError) as error:
        if not link.is_open:  # pynetdicom refuses to send over what the other side has just closed
            return None
        logger.warning("a file could not be encoded: %s", type(error).__name__)
        return Delivery(name, False, "not sent: the file could not be encoded as the other side wants it.")
    code = getattr(status, "Status", None)
    if code is None:
        return None
    remark, stored = _told(int(code))
    return Delivery(name, stored, remark)


def _told(code: int) -> tuple[str, bool]:
    """Put a C-STORE status (PS3.4 B.2.3, PS3.7 annex C) into words."""
    if code == 0x0000:
        return "", True
    if code >> 12 == 0xB:
        return _WARNINGS.get(code, f"stored; the archive gave a warning (status {code:04X})"), True
    for low, high, sentence in _FAILURES:
        if low <= code <= high:
            return f"not stored: {sentence} (status {code:04X})", False
    return f"not stored: the archive refused it without a known reason (status {code:04X})", False


_WARNINGS = {
    0xB000: "stored; the archive changed some of its attributes",
    0xB006: "stored; the archive discarded some of its attributes",
    0xB007: "stored; the archive finds that it does not fit its kind",
}
_FAILURES: tuple[tuple[int, int, str], ...] = (
    (0xA700, 0xA7FF, "the archive is out of room; have some freed there, or send later"),
    (0xA900, 0xA9FF, "the archive finds that the object does not fit its kind"),
    (0xC000, 0xCFFF, "the archive cannot understand the object"),
    (0x0110, 0x0110, "the archive failed while processing it"),
    (0x0111, 0x0111, "the archive already has an object with this number and keeps that one"),
    (0x0117, 0x0117, "the archive does not accept the object's number"),
    (0x0122, 0x0122, "the archive does not take objects of this kind"),
    (0x0124, 0x0124, "the archive does not authorise us to store"),
)


def describe(files: Sequence[Path]) -> list[tuple[str, str, int]]:
    """Return (name, kind of object, bytes) of each DICOM file: what would leave the machine."""
    return [(parcel.path.name, parcel.kind, parcel.path.stat().st_size) for parcel in _parcels(files)]


def as_dicts(deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
    """Return the outcomes for JSON."""
    return [{"file": one.name, "stored": one.stored, "remark": one.remark} for one in deliveries]
