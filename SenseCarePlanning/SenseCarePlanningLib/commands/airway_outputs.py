"""Writes an airway result in every form its users open; computes nothing but pictures."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..case_folder import write_study
from ..memory import give_memory_back, peak_memory_mb, whole_megabytes
from ..progress import Progress, StepRecord
from ..render.offscreen import rendering_available
from .beside import beside

if TYPE_CHECKING:
    from LungAirwayLib.flythrough import CameraPath
    from LungAirwayLib.result import AirwayResult

    from ..dicomio.load import LoadedImage
    from .airway import Output

logger = logging.getLogger(__name__)


def write_outputs(
    result: AirwayResult, loaded: LoadedImage | None, folder: Path, output: Output, progress: Progress
) -> list[str]:
    """Write masks, tree, plan, pictures, report, scene, DICOM SEG and video into an existing folder.

    Parameters
    ----------
    result
        What the pipeline found.
    loaded
        The CT and its study; None for a plan on a mask.
    folder
        Empty; the caller moves it into place when this returns.

    Returns
    -------
    list of str
        What could not be written, each with its reason, as sentences.
    """
    from LungAirwayLib.camera_io import save_camera_paths
    from LungAirwayLib.pipeline import with_steps
    from LungAirwayLib.result_io import save_result

    notes: list[str] = []
    if loaded is not None:
        write_study(loaded.study, folder)
    paths = _camera_paths(result, progress)
    save_camera_paths(paths, folder)
    if output.plan_only:
        with progress.step("Result folder"):
            save_result(with_steps(result, progress), folder)
        _write_run_record(with_steps(result, progress), loaded, notes, RunTotals.of(progress), folder / "run.json")
        return notes
    no_pictures = rendering_available()
    if no_pictures:
        notes.append(no_pictures)
    alone = len(progress.records)
    with beside(write_scene_and_seg, result, loaded, paths, folder, output.language) as exchange_files:
        pictures: dict[str, Path] = {}
        if not no_pictures:
            with progress.step("Pictures"):
                pictures = _draw_pictures(result, loaded, paths, folder / "pictures", output.language, progress)
        if output.video and not no_pictures and paths:
            with progress.step("Fly-through video"):
                _write_video(result, paths, folder / "flythrough.mp4", output.language, progress)
        with progress.step("Report"):
            _write_report(with_steps(result, progress), loaded, pictures, no_pictures, folder, output)
            notes.extend(_write_report_dicom(loaded, folder))
        with progress.step("Result folder"):
            save_result(with_steps(result, progress), folder)
        with progress.step("Scene and DICOM segmentation"):
            more_notes, steps, second_peak_mb = exchange_files()
    notes.extend(more_notes)
    meanwhile = max(step.peak_memory_mb for step in progress.records[alone:])
    totals = RunTotals.of(progress, second_peak_mb, meanwhile)
    progress.records.extend(steps)
    _write_run_record(with_steps(result, progress), loaded, notes, totals, folder / "run.json")
    return notes


@dataclasses.dataclass(frozen=True)
class RunTotals:
    """Seconds and peaks of resident memory (MB, NaN where the system does not tell) of a whole run.

    Parameters
    ----------
    main_mb, second_mb
        Of each process by itself.
    together_mb
        No less than what both held at one time: the second one's peak, whenever it was, on top of the main one's peak
        while both ran; what they share (libraries) counts twice.
    """

    seconds: float
    main_mb: float
    second_mb: float
    together_mb: float

    @staticmethod
    def of(progress: Progress, second_mb: float = 0.0, meanwhile_mb: float = 0.0) -> RunTotals:
        """Return the totals so far; ``meanwhile_mb`` is the main process's peak while the second one ran."""
        main = peak_memory_mb()
        return RunTotals(progress.elapsed_seconds, main, second_mb, max(main, meanwhile_mb + second_mb))


def write_scene_and_seg(
    result: AirwayResult, loaded: LoadedImage | None, paths: dict[int, CameraPath], folder: Path, language: str = "en"
) -> tuple[list[str], list[StepRecord], float]:
    """Write the files for other programs; runs beside the pictures, which need the renderer.

    Parameters
    ----------
    language
        ``en`` or ``zh``, of the structured report's sentences.

    Returns
    -------
    notes, steps, peak_mb
        What could not be written and why; seconds and memory of this process, named as running beside; its peak memory.
    """
    notes: list[str] = []
    progress = Progress()
    # The segmentation first: what it takes is given back when it is written, a scene's memory only when the process ends.
    if loaded is not None:
        with progress.step("DICOM segmentation (second process)"):
            notes.extend(_write_seg(result, loaded, folder / "seg.dcm"))
        with progress.step("DICOM structured report (second process)"):
            notes.extend(_write_measurements(result, loaded, folder, language))
        give_memory_back()
    with progress.step("Scene (second process)"):
        _attempt(notes, "scene.mrb", lambda: _write_scene(result, loaded, paths, folder / "scene.mrb"))
    return notes, progress.records, peak_memory_mb()


def _attempt(notes: list[str], name: str, write: Callable[[], object]) -> None:
    """Write a form whose package may be missing; its absence is said and takes nothing else along."""
    try:
        write()
    except ImportError as error:
        notes.append(f"{name} was not written: the package {error.name} is missing or cannot be loaded on this machine.")


def _camera_paths(result: AirwayResult, progress: Progress) -> dict[int, CameraPath]:
    """Return a camera path for each route's rank; none without a plan."""
    from LungAirwayLib.camera_path import CameraOptions, camera_path

    from ..render.lumen_field import LumenField, WallDistance

    if result.plan is None or not result.plan.routes:
        return {}
    with progress.step("Camera paths"):
        field = LumenField.of(result.airway, tree=result.tree)
        options = CameraOptions(orientation=result.plan.orientation)
        wall = WallDistance(result.surface) if len(result.surface.triangles) else None
        return {route.rank: camera_path(route, result.tree, field, surface=wall, options=options) for route in result.plan.routes}


def _write_scene(result: AirwayResult, loaded: LoadedImage | None, paths: dict[int, CameraPath], path: Path) -> None:
    from SenseCarePlanningMRML.airway_scene import build_airway_scene
    from SenseCarePlanningMRML.bundle import save_mrb
    from SenseCarePlanningMRML.scene import new_scene

    scene = new_scene()
    build_airway_scene(scene, result, volume=loaded.volume if loaded is not None else None, camera_paths=paths)
    save_mrb(scene, path)


def _write_seg(result: AirwayResult, loaded: LoadedImage, path: Path) -> list[str]:
    from LungAirwayLib.segments import describe_segments

    from ..dicomio.seg import write_seg

    reason = write_seg(describe_segments(result), loaded, path)
    return [reason] if isinstance(reason, str) else []


def _draw_pictures(
    result: AirwayResult,
    loaded: LoadedImage | None,
    paths: dict[int, CameraPath],
    folder: Path,
    language: str,
    progress: Progress,
) -> dict[str, Path]:
    from LungAirwayLib.pictures import make_pictures

    folder.mkdir()
    return make_pictures(result, loaded.volume if loaded is not None else None, paths.values(), folder, language, progress)


def _write_video(result: AirwayResult, paths: dict[int, CameraPath], path: Path, language: str, progress: Progress) -> None:
    from LungAirwayLib.flythrough import render_flythrough

    render_flythrough(result, paths[min(paths)], path, language=language, progress=progress)


def _write_report(
    result: AirwayResult,
    loaded: LoadedImage | None,
    pictures: dict[str, Path],
    no_pictures: str | None,
    folder: Path,
    output: Output,
) -> None:
    from LungAirwayLib.report import build_report

    from ..report.html import write_html
    from ..report.pdf import write_pdf

    report = build_report(
        result,
        study=loaded.study if loaded is not None else None,
        pictures=pictures,
        language=output.language,
        picture_reason=no_pictures or "",
    )
    write_pdf(report, folder / "report.pdf", page_size=output.page)
    write_html(report, folder / "report.html")


def _write_report_dicom(loaded: LoadedImage | None, folder: Path) -> list[str]:
    from ..case_folder import REPORT_DICOM, REPORT_PDF
    from ..dicomio.report_pdf import write_report_dicom

    if loaded is None:
        return []
    reason = write_report_dicom(folder / REPORT_PDF, loaded.study, folder / REPORT_DICOM)
    return [reason] if reason else []


def _write_measurements(result: AirwayResult, loaded: LoadedImage, folder: Path, language: str) -> list[str]:
    from LungAirwayLib.structured_report import measurement_document

    from ..case_folder import MEASUREMENTS_DICOM
    from ..dicomio.structured_report import write_structured_report

    reason = write_structured_report(measurement_document(result, language), loaded, folder / MEASUREMENTS_DICOM)
    return [reason] if reason else []


def _write_run_record(result: AirwayResult, loaded: LoadedImage | None, notes: list[str], totals: RunTotals, path: Path) -> None:
    """Write versions, engine, geometry, seconds and memory: no patient identity, no path."""
    record = {
        "versions": result.run.versions,
        "engine": dataclasses.asdict(result.engine),
        "options": result.run.options,
        "input_geometry": result.run.input_geometry,
        "series_choice": loaded.choice_reason if loaded is not None else "",
        "input_warnings": list(loaded.warnings) if loaded is not None else [],
        "warnings": [*result.warnings, *notes],
        "created": result.run.created,
        "steps": [
            {"name": step.name, "seconds": round(step.seconds, 2), "peak_memory_mb": whole_megabytes(step.peak_memory_mb)}
            for step in result.run.steps
        ],
        "seconds": round(totals.seconds, 2),
        "peak_memory_mb": {
            "main_process": whole_megabytes(totals.main_mb),
            "second_process": whole_megabytes(totals.second_mb),
            "both_at_most": whole_megabytes(totals.together_mb),
        },
    }
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
