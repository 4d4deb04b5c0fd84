"""Writes a coronary result in every form its users open; computes nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..case_folder import MEASUREMENTS_DICOM, REPORT_DICOM, REPORT_PDF, SEGMENTATION, write_study
from ..memory import peak_memory_mb, whole_megabytes
from ..progress import Progress

if TYPE_CHECKING:
    from CardiacCTALib.result import CoronaryResult

    from ..dicomio.load import LoadedImage
    from ..volume import Volume
    from .coronary import Output


NOT_DICOM = "No DICOM files were written: the input is not DICOM, so there is no study that they could belong to."


def write_outputs(
    result: CoronaryResult, loaded: LoadedImage, folder: Path, output: Output, progress: Progress, calcium: Volume | None = None
) -> list[str]:
    """Write pictures, report, film, DICOM files, label maps, trees, vessels, numbers and the run record into an existing folder.

    Parameters
    ----------
    result
        What the pipeline found.
    loaded
        The CT and its study.
    calcium
        The calcium series that was scored.
    folder
        Empty; the caller moves it into place when this returns.

    Returns
    -------
    list of str
        What could not be written, each with its reason, as sentences.
    """
    from CardiacCTALib.pipeline import with_steps
    from CardiacCTALib.result_io import save_result

    notes: list[str] = []
    write_study(loaded.study, folder)
    if output.report:
        result, more_notes = write_report_files(result, loaded, folder, output, progress, calcium)
        notes.extend(more_notes)
        notes.extend(write_dicom_files(result, loaded, folder, progress, output.language))
    with progress.step("Result folder"):
        save_result(with_steps(result, progress), folder)
    _write_run_record(with_steps(result, progress), loaded, notes, progress.elapsed_seconds, folder / "run.json")
    return notes


def write_report_files(
    result: CoronaryResult, loaded: LoadedImage, folder: Path, output: Output, progress: Progress, calcium: Volume | None = None
) -> tuple[CoronaryResult, list[str]]:
    """Write ``pictures/``, ``report.pdf``, ``report.html`` and ``film.pdf``; return the result with its numbers' pictures.

    Parameters
    ----------
    calcium
        The calcium series, for a picture of what was scored.
    """
    from CardiacCTALib.film import FilmOptions, write_coronary_film
    from CardiacCTALib.pictures import CALCIUM_PICTURE, make_pictures, with_pictures
    from CardiacCTALib.pipeline import with_steps
    from CardiacCTALib.report import write_report

    from ..render.offscreen import rendering_available

    no_rendering = rendering_available()
    language = output.language
    with progress.step("Pictures"):
        pictures = make_pictures(result, loaded.volume, folder / "pictures", language, progress, not no_rendering, calcium)
    if (folder / CALCIUM_PICTURE).is_file():  # of an earlier run, where the series is not at hand now
        pictures["calcium"] = folder / CALCIUM_PICTURE
    with progress.step("Report"):
        result = with_pictures(result, pictures, folder)
        done = with_steps(result, progress)
        write_report(
            done, folder, study=loaded.study, pictures=pictures, language=language, picture_reason=no_rendering or "",
            page_size=output.page,
        )  # fmt: skip
        write_coronary_film(done, pictures, folder / "film.pdf", study=loaded.study, options=FilmOptions(language=language))
    return result, [no_rendering] if no_rendering else []


def write_dicom_files(
    result: CoronaryResult, loaded: LoadedImage, folder: Path, progress: Progress, language: str = "en"
) -> list[str]:
    """Write ``seg.dcm``, ``sr.dcm`` and ``report.dcm`` of the CT's study; return what could not be written, with reasons.

    Parameters
    ----------
    language
        ``en`` or ``zh``, of the structured report's sentences.
    """
    from CardiacCTALib.dicom_segments import describe_segments
    from CardiacCTALib.structured_report import measurement_document

    from ..dicomio.report_pdf import write_report_dicom
    from ..dicomio.seg import write_seg
    from ..dicomio.structured_report import write_structured_report

    if not loaded.is_dicom:
        return [NOT_DICOM]
    with progress.step("DICOM segmentation and structured report"):
        reasons = (
            write_seg(describe_segments(result), loaded, folder / SEGMENTATION, "Heart and coronary arteries"),
            write_structured_report(measurement_document(result, language), loaded, folder / MEASUREMENTS_DICOM),
            write_report_dicom(folder / REPORT_PDF, loaded.study, folder / REPORT_DICOM, "Coronary CT angiography"),
        )
    return [one for one in reasons if one]


def _write_run_record(result: CoronaryResult, loaded: LoadedImage, notes: list[str], seconds: float, path: Path) -> None:
    """Write versions, engine, geometry, seconds and memory: no patient identity, no path."""
    record = {
        "versions": result.run.versions,
        "engine": dataclasses.asdict(result.engine),
        "options": result.run.options,
        "input_geometry": result.run.input_geometry,
        "series_choice": loaded.choice_reason,
        "input_warnings": list(loaded.warnings),
        "warnings": [*result.warnings, *notes],
        "cad_rads": result.grade.text,
        "created": result.run.created,
        "steps": [
            {"name": step.name, "seconds": round(step.seconds, 2), "peak_memory_mb": whole_megabytes(step.peak_memory_mb)}
            for step in result.run.steps
        ],
        "seconds": round(seconds, 2),
        "peak_memory_mb": whole_megabytes(peak_memory_mb()),
    }
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
