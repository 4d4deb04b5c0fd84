"""Measurements as a DICOM structured report: PS3.16 TID 1500 "Measurement Report" in a Comprehensive 3D SR; knows no organ.

Sentences are in the reader's language, in UTF-8 (ISO_IR 192). Names are not: a code's meaning is that of its scheme (PS3.3
8.3), and tracking identifiers are the same in every report of a series.
"""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from .. import __version__
from ..report.model import Code, Measurement
from ..report.words import Words
from .load import LoadedImage
from .new_object import MANUFACTURER, MODEL, save_whole, source_headers
from .structured_report_items import (
    COMMENT,
    PRIVATE_SCHEME,
    PRIVATE_SCHEME_NAME,
    Concept,
    SourceGrid,
    coded,
    measurement_item,
    missing_item,
    text_item,
    tracking_uid,
)

logger = logging.getLogger(__name__)

NO_STUDY = "No DICOM structured report was written: the input is not DICOM, so there is no study that it could belong to."
NOTHING = "No DICOM structured report was written: there is nothing in it."
SERIES_NUMBER = 302
TITLE = Code("126000", "DCM", "Imaging Measurement Report")
DEVICE_UID = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, 'SenseCare Planning').int}"
"""Names the program as the observer, the same in every report."""

LANGUAGES = {"en": Code("en", "RFC5646", "English"), "zh": Code("zh-Hans", "RFC5646", "Chinese, simplified")}


@dataclass(frozen=True)
class Site:
    """Where in the body: a coded structure, its side, and what more there is to say about the place."""

    code: Code
    laterality: Code | None = None
    modifier: Code | None = None


@dataclass(frozen=True)
class Evaluation:
    """A finding without a number, such as DCM 130720 "CAD stenosis assessment" = "4A"."""

    name: Code
    value: Code


@dataclass(frozen=True)
class Algorithm:
    """What made the measurements of a group."""

    name: str
    version: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeasurementGroup:
    """All that was measured on one thing (TID 1501).

    Parameters
    ----------
    tracking_id
        What it is called, such as ``Target`` or ``RB3a``. The same name in a later report of the same images is the same thing.
    measurements, evaluations
        What was found; missing values are kept with their reasons.
    finding, category
        What kind of thing it is.
    sites
        Where it is.
    algorithm
        What measured it.
    """

    tracking_id: str
    measurements: tuple[Measurement, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    finding: Code | None = None
    category: Code | None = None
    sites: tuple[Site, ...] = ()
    algorithm: Algorithm | None = None


@dataclass(frozen=True)
class MeasurementDocument:
    """A whole report.

    Parameters
    ----------
    groups
        In the order in which readers show them.
    procedure
        What was done to the patient, such as SCT 419545005 "CT angiography of coronary arteries".
    title
        Document title, of context group 7021 or of one's own.
    concepts
        Name of a measurement -> what it is called in DICOM; without one its own code counts, else a private code.
    remarks
        Sentences for the reader, such as what the report is not, in the reader's language.
    series_description
        Of the report's series.
    words
        How the comments of the numbers are said, in the reader's language.
    """

    groups: tuple[MeasurementGroup, ...]
    procedure: Code
    title: Code = TITLE
    concepts: Mapping[str, Concept] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    series_description: str = "Measurements"
    words: Words = field(default_factory=lambda: Words.of("en"))


def write_structured_report(document: MeasurementDocument, source: LoadedImage, path: Path) -> str | None:
    """Write measurements as one Comprehensive 3D SR of the source's study; the file appears whole or not at all.

    Parameters
    ----------
    document
        What was measured. Points are LPS mm of the source's frame of reference.
    source
        The image it was measured on.

    Returns
    -------
    str or None
        None when written; otherwise the reason why not, as a sentence.
    """
    if not source.is_dicom:
        return NO_STUDY
    if not any(group.measurements or group.evaluations for group in document.groups):
        return NOTHING
    try:
        headers = source_headers(source.files)
        content = _content(document, _source_grid(source, headers), str(headers[0].get("SeriesInstanceUID", "")))
        data = _report(document, headers, content)
    except ImportError as error:
        return f"No DICOM structured report was written: the package {error.name} is missing."
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # what the source lacks shows in many ways
        logger.warning("structured report not made: %s", type(error).__name__, exc_info=True)
        return f"No DICOM structured report was written: the headers of the images lack what it needs ({type(error).__name__})."
    save_whole(data, Path(path))
    return None


def _source_grid(source: LoadedImage, headers: Sequence[Dataset]) -> SourceGrid:
    single = all(int(header.get("NumberOfFrames", 1) or 1) == 1 for header in headers)
    frame = str(headers[0].get("FrameOfReferenceUID", "") or source.study.frame_of_reference_uid or "")
    return SourceGrid(source.volume.grid, headers if single else (), frame)


def _content(document: MeasurementDocument, source: SourceGrid, series_uid: str) -> Any:
    import highdicom as hd

    content = hd.sr.MeasurementReport(
        observation_context=_observer(),
        procedure_reported=coded(document.procedure),
        imaging_measurements=[_group(group, document, source, series_uid) for group in document.groups],
        title=coded(document.title),
        language_of_content_item_and_descendants=hd.sr.LanguageOfContentItemAndDescendants(
            coded(LANGUAGES[document.words.language])
        ),
    )
    content[0].ContentSequence.extend(text_item(COMMENT, remark, "CONTAINS") for remark in document.remarks)
    return content[0]


def _report(document: MeasurementDocument, headers: Sequence[Dataset], content: Any) -> Dataset:
    import highdicom as hd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = hd.sr.Comprehensive3DSR(
            evidence=list(headers),
            content=content,
            series_number=SERIES_NUMBER,
            series_instance_uid=f"2.25.{uuid.uuid4().int}",
            sop_instance_uid=f"2.25.{uuid.uuid4().int}",
            instance_number=1,
            manufacturer=MANUFACTURER,
            is_complete=True,
            is_final=False,  # no clinician has signed it
            is_verified=False,
            series_description=document.series_description[:64],
            manufacturer_model_name=MODEL,
            software_versions=__version__,
        )
    if _uses_private_codes(data):
        scheme = Dataset()
        scheme.CodingSchemeDesignator, scheme.CodingSchemeName = PRIVATE_SCHEME, PRIVATE_SCHEME_NAME
        scheme.CodingSchemeResponsibleOrganization = MODEL
        data.CodingSchemeIdentificationSequence = [*data.get("CodingSchemeIdentificationSequence", []), scheme]
    result: Dataset = data
    return result


def _observer() -> Any:
    import highdicom as hd

    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=DEVICE_UID, name=MODEL, manufacturer_name=MANUFACTURER, model_name=f"{MODEL} {__version__}"
    )
    kind = coded(Code("121007", "DCM", "Device"))
    return hd.sr.ObservationContext(observer_device_context=hd.sr.ObserverContext(kind, device))


def _group(group: MeasurementGroup, document: MeasurementDocument, source: SourceGrid, series_uid: str) -> Any:
    import highdicom as hd

    found = [one for one in group.measurements if one.value is not None]
    item = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=tracking_uid(series_uid, group.tracking_id), identifier=group.tracking_id
        ),
        finding_type=coded(group.finding) if group.finding is not None else None,
        finding_category=coded(group.category) if group.category is not None else None,
        finding_sites=[_site(site) for site in group.sites] or None,
        algorithm_id=_algorithm(group.algorithm) if group.algorithm is not None else None,
        measurements=[measurement_item(one, document.concepts, source, document.words) for one in found] or None,
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(coded(one.name), coded(one.value)) for one in group.evaluations]
        or None,
    )
    missing = [missing_item(one, document.concepts, document.words) for one in group.measurements if one.value is None]
    item[0].ContentSequence.extend(missing)
    return item


def _algorithm(algorithm: Algorithm) -> Any:
    import highdicom as hd

    return hd.sr.AlgorithmIdentification(
        name=algorithm.name, version=algorithm.version or "unknown", parameters=algorithm.parameters or None
    )


def _site(site: Site) -> Any:
    import highdicom as hd

    return hd.sr.FindingSite(
        anatomic_location=coded(site.code),
        laterality=coded(site.laterality) if site.laterality is not None else None,
        topographical_modifier=coded(site.modifier) if site.modifier is not None else None,
    )


def _uses_private_codes(data: Dataset) -> bool:
    return any(element.value == PRIVATE_SCHEME for element in data.iterall() if element.keyword == "CodingSchemeDesignator")
