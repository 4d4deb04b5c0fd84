"""Who was scanned and how: only what the source states."""

from __future__ import annotations

from collections.abc import Mapping

from ..dicomio.study import StudyInfo, person_name
from ..volume import Grid
from .fonts import printable
from .model import KeyValueTable, Notice, Section, Tone
from .words import Words, label_of

_SEX = {"M": label_of("male"), "F": label_of("female"), "O": label_of("other")}
_AGE_UNITS = {
    "Y": label_of("{count} years"),
    "M": label_of("{count} months"),
    "W": label_of("{count} weeks"),
    "D": label_of("{count} days"),
}


def _age(age: str, words: Words) -> str:
    count, unit = age[:-1], age[-1:]
    return words.say(_AGE_UNITS[unit], count=int(count)) if unit in _AGE_UNITS and count.isdigit() else age


def patient_line(study: StudyInfo | None, words: Words) -> str:
    """Return the short patient block in the head of each page."""
    if study is None:
        return words.say("Patient: not stated")
    name = person_name(study.patient_name or "") or words.say("name not stated")
    number = study.patient_id or words.say("not stated")
    if study.study_date is None:
        return words.say("{name} · ID {number} · CT undated", name=name, number=number)
    return words.say("{name} · ID {number} · CT of {date}", name=name, number=number, date=study.study_date)


def study_section(study: StudyInfo | None, grid: Grid, geometry: Mapping[str, object], words: Words) -> Section:
    """Return the patient and study block.

    Parameters
    ----------
    study
        None when the input has no identity.
    grid, geometry
        The voxels, and what the run recorded of its input (``RunInfo.input_geometry``).
    """
    blocks: list[Notice | KeyValueTable] = []
    if study is None:
        blocks.append(Notice(words.say("The input holds no patient or study data."), tone=Tone.INFO))
    else:
        blocks.append(KeyValueTable(tuple(_study_rows(study, words))))
    blocks.append(KeyValueTable(tuple(_image_rows(grid, geometry, words))))
    return Section(words.say("Patient and study"), tuple(blocks))


def _study_rows(study: StudyInfo, words: Words) -> list[tuple[str, str]]:
    missing = words.say("not stated")
    sex = words.say(_SEX[study.sex]) if study.sex in _SEX else study.sex
    time = f" {study.study_time}" if study.study_date and study.study_time else ""
    return [
        (words.say("Patient"), person_name(study.patient_name or "") or missing),
        (words.say("Study date"), f"{study.study_date}{time}" if study.study_date else missing),
        (words.say("Patient ID"), study.patient_id or missing),
        (words.say("Accession number"), study.accession_number or missing),
        (words.say("Date of birth"), study.birth_date or missing),
        (words.say("Study"), study.study_description or missing),
        (words.say("Sex"), sex or missing),
        (words.say("Series"), study.series_description or missing),
        (words.say("Age"), _age(study.age, words) if study.age else missing),
        (words.say("Institution"), study.institution or missing),
        (words.say("Referring physician"), person_name(study.referring_physician or "") or missing),
        (words.say("Study ID"), study.study_id or missing),
    ]


def _image_rows(grid: Grid, geometry: Mapping[str, object], words: Words) -> list[tuple[str, str]]:
    """Return voxels and acquisition as the run recorded them."""
    spacing = " × ".join(f"{float(value):.2f}" for value in grid.spacing_ijk_mm)
    count = " × ".join(str(value) for value in grid.shape_kji[::-1])
    rows = [(words.say("Voxel size"), f"{spacing} mm"), (words.say("Voxels"), count)]
    acquisition = geometry.get("acquisition")
    facts = acquisition if isinstance(acquisition, dict) else {}
    missing = words.say("not stated")
    scanner = " ".join(str(facts[key]) for key in ("manufacturer", "model") if facts.get(key))
    rows.append((words.say("Scanner"), scanner or missing))
    for key, title, unit in (
        ("slice_thickness_mm", label_of("Slice thickness"), "mm"),
        ("kernel", label_of("Kernel"), ""),
        ("kvp", label_of("Tube voltage"), "kV"),
        ("tube_current_ma", label_of("Tube current"), "mA"),
    ):
        value = facts.get(key)
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        rows.append((words.say(title), missing if value is None else f"{shown} {unit}".strip()))
    contrast = facts.get("contrast")
    rows.append((words.say("Contrast medium"), missing if contrast is None else words.yes_no(bool(contrast))))
    return rows


def glyph_notice(line: str, words: Words) -> tuple[Section, ...]:
    """Return a note when the patient's name holds characters that the PDF cannot draw."""
    _, missing = printable(line)
    if not missing:
        return ()
    text = words.say(
        "The fonts lack {codes} of the patient line: a box stands in their place. Identify the patient by ID and date.",
        codes=words.say(", ").join(missing),
    )
    return (Section(words.say("Characters not printable"), (Notice(text, tone=Tone.BAD),)),)
