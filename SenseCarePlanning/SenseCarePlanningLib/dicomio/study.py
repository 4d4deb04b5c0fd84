"""Who and what was scanned: identity apart from the image, and what each series of a folder holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, repr=False)
class StudyInfo:
    """Identity of patient, study and series as the source states it; None where it does not say.

    Dates are ISO ``YYYY-MM-DD``, times ``HH:MM:SS``, age as DICOM writes it ("063Y"). Printing the object shows no
    identity, so that it cannot reach a log by accident.
    """

    patient_name: str | None = None
    patient_id: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    age: str | None = None
    study_date: str | None = None
    study_time: str | None = None
    series_date: str | None = None
    series_time: str | None = None
    accession_number: str | None = None
    study_id: str | None = None
    institution: str | None = None
    referring_physician: str | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    frame_of_reference_uid: str | None = None
    study_description: str | None = None
    series_description: str | None = None

    def __repr__(self) -> str:
        return "StudyInfo(identity withheld)"


@dataclass(frozen=True)
class SeriesInfo:
    """One image series of a folder, and whether it can be planned on.

    Parameters
    ----------
    uid
        Series Instance UID; empty when the image is no DICOM.
    slice_count
        Number of images (frames counted singly).
    spacing_kji_mm
        Median distance between slices, and the row and column spacing; None where the headers do not say.
    extent_mm
        Length covered along the slice normal, slices included; None where the headers do not say.
    eligible
        Whether the series can be a chest CT to plan on, judged by its headers alone.
    reason
        A sentence: why it can, or why it cannot.
    patient_number
        Counts the patients of the folder from 1; says who is who without saying who.
    """

    uid: str
    number: int | None = None
    description: str | None = None
    modality: str | None = None
    slice_count: int = 0
    spacing_kji_mm: tuple[float, float, float] | None = None
    slice_thickness_mm: float | None = None
    kernel: str | None = None
    extent_mm: float | None = None
    image_type: tuple[str, ...] = ()
    eligible: bool = False
    reason: str = ""
    files: tuple[Path, ...] = field(default=(), repr=False)
    patient_number: int = 1

    @property
    def title(self) -> str:
        """How messages name the series: its number, or the tail of its UID."""
        if self.number is not None:
            return f"series {self.number}"
        return f"series …{self.uid[-8:]}" if self.uid else "the image"

    def summary(self) -> str:
        """Return one line for a list of series; the description is the scanner's, not the patient's."""
        parts = [self.title, self.modality or "modality unknown", f"{self.slice_count} images"]
        if self.spacing_kji_mm is not None:
            slices, rows, columns = self.spacing_kji_mm
            parts.append(f"{columns:.2f} x {rows:.2f} x {slices:.2f} mm")
        if self.kernel:
            parts.append(f"kernel {self.kernel}")
        if self.description:
            parts.append(f'"{self.description}"')
        return f"{', '.join(parts)}: {self.reason}"


def person_name(name: str) -> str:
    """Return a DICOM person name for reading: components joined, the ideographic form first.

    ``Wang^XiaoDong=王^小东`` becomes ``王小东 (Wang XiaoDong)``.
    """
    groups = [[part for part in group.strip().split("^") if part.strip()] for group in name.split("=")]
    shown = [
        "".join(parts) if any(ord(character) >= 0x2E80 for part in parts for character in part) else " ".join(parts)
        for parts in groups
        if parts
    ]
    if len(shown) < 2:
        return shown[0] if shown else ""
    return f"{shown[1]} ({shown[0]})"
