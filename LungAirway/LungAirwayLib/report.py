"""The bronchoscopy report: an airway result arranged on pages, in Chinese or English, as PDF and HTML."""

from __future__ import annotations

from pathlib import Path

from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.i18n import LANGUAGE_TAGS
from SenseCarePlanningLib.report.html import write_html
from SenseCarePlanningLib.report.model import CaseReport
from SenseCarePlanningLib.report.pdf import write_pdf
from SenseCarePlanningLib.report.study_page import glyph_notice

from .report_pages.airways import airway_section, branch_section
from .report_pages.methods import limits_section, methods_sections, not_measured_section
from .report_pages.quality import quality_section, tree_section
from .report_pages.routes import extensions_sections, routes_section
from .report_pages.scopes import library_section, scopes_section
from .report_pages.steps import step_sections
from .report_pages.study import patient_line, study_section
from .report_pages.summary import summary_section
from .report_pages.target import target_section
from .report_pages.words import Pictures, Words
from .result import AirwayResult


def build_report(
    result: AirwayResult,
    *,
    study: StudyInfo | None = None,
    pictures: dict[str, Path] | None = None,
    language: str = "en",
    picture_reason: str = "",
) -> CaseReport:
    """Arrange a result on pages.

    Parameters
    ----------
    result
        What the pipeline found; a result without a plan gives a report of the airway tree alone.
    study
        Identity of patient and study; None when the input has none.
    pictures
        Key -> file: ``tree_overview``, ``tree_lobes``, ``route_<rank>_tree``, ``target_axial``, ``target_coronal``,
        ``target_sagittal``, ``route_<rank>_oblique``, ``extensions_<rank>``, ``step_<rank>_<n>``, and
        ``route_zoom`` (the last bifurcations and the target of the best route); each may be missing.
    language
        ``en`` or ``zh``.
    picture_reason
        Why pictures are missing, in English, printed where they would be.

    Raises
    ------
    ValueError
        For another language.
    """
    words = Words.of(language)
    shown = Pictures(dict(pictures or {}), picture_reason)
    sections = [study_section(study, result, words), summary_section(result, words)]
    sections += [tree_section(result, shown, words), quality_section(result, words)]
    plan = result.plan
    if plan is not None:
        sections += [target_section(plan, shown, words), routes_section(plan, result, shown, words)]
        sections += extensions_sections(plan, result.tree, shown, words)
        sections.append(scopes_section(plan, result, words))
        sections += step_sections(plan, result, shown, words)
    sections += [airway_section(result, shown, words), not_measured_section(result, words)]
    sections += [*methods_sections(result, study, words), limits_section(words)]
    if plan is not None and plan.scopes:
        sections.append(library_section(plan, words))
    sections.append(branch_section(result, words))
    line = patient_line(study, words)
    return CaseReport(
        title=words.say("Bronchoscopy plan") if plan is not None else words.say("Airway tree"),
        sections=(*glyph_notice(line, words), *sections),
        language=LANGUAGE_TAGS[language],
        patient_line=line,
        purpose_line=words.say("For review by a clinician – research use, not a medical device"),
        page_label=words.translate("Page {page} of {pages}"),
        created=result.run.created,
        producer=f"SenseCare Planning {result.run.versions.get('SenseCare Planning', '')}".strip(),
    )


def write_report(
    result: AirwayResult,
    folder: Path,
    *,
    study: StudyInfo | None = None,
    pictures: dict[str, Path] | None = None,
    language: str = "en",
    picture_reason: str = "",
    page_size: str = "A4",
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
    report = build_report(result, study=study, pictures=pictures, language=language, picture_reason=picture_reason)
    pdf, html = folder / "report.pdf", folder / "report.html"
    write_pdf(report, pdf, page_size)
    write_html(report, html)
    return pdf, html
