"""The coronary report: a result arranged on pages, in Chinese or English, as PDF and HTML."""

from __future__ import annotations

from pathlib import Path

from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.i18n import LANGUAGE_TAGS
from SenseCarePlanningLib.report.html import write_html
from SenseCarePlanningLib.report.model import CaseReport
from SenseCarePlanningLib.report.pdf import write_pdf
from SenseCarePlanningLib.report.study_page import glyph_notice, patient_line, study_section

from .reader_change import now
from .report_pages.changes import changes_section
from .report_pages.grading import grading_section
from .report_pages.methods import limits_section, methods_sections, not_measured_section
from .report_pages.plaque import calcium_section, high_risk_section, plaque_section
from .report_pages.quality import quality_section, segment_section
from .report_pages.summary import overview_section, summary_section
from .report_pages.vessels import vessel_sections
from .report_pages.words import Pictures, Words
from .result import CoronaryResult


def build_report(
    result: CoronaryResult,
    *,
    study: StudyInfo | None = None,
    pictures: dict[str, Path] | None = None,
    language: str = "en",
    picture_reason: str = "",
    written: str = "",
) -> CaseReport:
    """Arrange a result on pages.

    Parameters
    ----------
    result
        What the pipeline found.
    study
        Identity of patient and study; None when the input has none.
    pictures
        Key -> file, as :func:`.pictures.make_pictures` gives them; each may be missing.
    language
        ``en`` or ``zh``.
    picture_reason
        Why pictures are missing, in English, printed where they would be.
    written
        When the report is written (ISO 8601), in its footer; now by default. The run's own time stands among the methods, that
        of each change in the list of changes.

    Raises
    ------
    ValueError
        For another language.
    """
    words = Words.of(language)
    shown = Pictures(dict(pictures or {}), picture_reason)
    high_risk = high_risk_section(result, words)
    sections = [
        study_section(study, result.heart.grid, result.run.input_geometry, words),
        summary_section(result, words),
        *([] if not result.changes else [changes_section(result, words)]),
        overview_section(result, shown, words),
        grading_section(result, words),
        segment_section(result, words),
        *vessel_sections(result, shown, words),
        plaque_section(result, words),
        *([] if high_risk is None else [high_risk]),
        calcium_section(result, words, shown),
        quality_section(result, words),
        not_measured_section(result, words),
        *methods_sections(result, study, words),
        limits_section(words),
    ]
    line = patient_line(study, words)
    return CaseReport(
        title=words.say("Coronary CT angiography"),
        sections=(*glyph_notice(line, words), *sections),
        language=LANGUAGE_TAGS[language],
        patient_line=line,
        purpose_line=words.say("For review by a clinician – research use, not a medical device"),
        page_label=words.translate("Page {page} of {pages}"),
        created=written or now(),
        producer=f"SenseCare Planning {result.run.versions.get('SenseCare Planning', '')}".strip(),
    )


def write_report(
    result: CoronaryResult,
    folder: Path,
    *,
    study: StudyInfo | None = None,
    pictures: dict[str, Path] | None = None,
    language: str = "en",
    picture_reason: str = "",
    page_size: str = "A4",
    written: str = "",
) -> tuple[Path, Path]:
    """Write ``report.pdf`` and ``report.html`` into a folder; see :func:`build_report`.

    Parameters
    ----------
    folder
        Where to write; it must exist.
    page_size
        ``A4`` or ``Letter``.

    Returns
    -------
    pdf, html
        The files written.
    """
    report = build_report(
        result, study=study, pictures=pictures, language=language, picture_reason=picture_reason, written=written
    )
    pdf, html = folder / "report.pdf", folder / "report.html"
    write_pdf(report, pdf, page_size)
    write_html(report, html)
    return pdf, html
