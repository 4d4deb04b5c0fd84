"""Writes a coronary result in every form its users open; computes nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..memory import peak_memory_mb, whole_megabytes
from ..progress import Progress

if TYPE_CHECKING:
    from CardiacCTALib.result import CoronaryResult

    from ..dicomio.load import LoadedImage
    from .coronary import Output


def write_outputs(result: CoronaryResult, loaded: LoadedImage, folder: Path, output: Output, progress: Progress) -> list[str]:
    """Write pictures, report, film, label maps, trees, measured vessels, numbers and the run record into an existing folder.

    Parameters
    ----------
    result
        What the pipeline found.
    loaded
        The CT and its study.
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
    if output.report:
        result, more_notes = write_report_files(result, loaded, folder, output, progress)
        notes.extend(more_notes)
    with progress.step("Result folder"):
        save_result(with_steps(result, progress), folder)
    _write_run_record(with_steps(result, progress), loaded, notes, progress.elapsed_seconds, folder / "run.json")
    return notes


def write_report_files(
    result: CoronaryResult, loaded: LoadedImage, folder: Path, output: Output, progress: Progress
) -> tuple[CoronaryResult, list[str]]:
    """Write ``pictures/``, ``report.pdf``, ``report.html`` and ``film.pdf``; return the result with its numbers' pictures."""
    from CardiacCTALib.film import FilmOptions, write_coronary_film
    from CardiacCTALib.pictures import make_pictures, with_pictures
    from CardiacCTALib.pipeline import with_steps
    from CardiacCTALib.report import write_report

    from ..render.offscreen import rendering_available

    no_rendering = rendering_available()
    language = output.language
    with progress.step("Pictures"):
        pictures = make_pictures(result, loaded.volume, folder / "pictures", language, progress, not no_rendering)
    with progress.step("Report"):
        result = with_pictures(result, pictures, folder)
        done = with_steps(result, progress)
        write_report(
            done, folder, study=loaded.study, pictures=pictures, language=language, picture_reason=no_rendering or "",
            page_size=output.page,
        )  # fmt: skip
        write_coronary_film(done, pictures, folder / "film.pdf", study=loaded.study, options=FilmOptions(language=language))
    return result, [no_rendering] if no_rendering else []


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
