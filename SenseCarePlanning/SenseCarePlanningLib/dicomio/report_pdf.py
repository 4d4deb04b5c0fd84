"""A report as a DICOM object: the PDF encapsulated in the study of the images that it was made from."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from .new_object import new_object, save_whole
from .study import StudyInfo

NO_STUDY = "No DICOM report was written: the input is not DICOM, so there is no study that it could belong to."
SERIES_NUMBER = 301
TITLE = "Bronchoscopy plan"


def write_report_dicom(pdf: Path, study: StudyInfo, path: Path, title: str = TITLE) -> str | None:
    """Write a PDF file as an Encapsulated PDF (DICOM PS3.3 A.45.1) of a study.

    Parameters
    ----------
    pdf
        The report.
    study
        Whose it is; without a Study Instance UID there is none that it could belong to.
    path
        File to write.
    title
        Of the document and of its series.

    Returns
    -------
    str or None
        None when written; otherwise the reason why not, as a sentence.
    """
    if not study.study_uid:
        return NO_STUDY
    content = pdf.read_bytes()
    data = new_object(EncapsulatedPDFStorage, study, f"2.25.{uuid.uuid4().int}")
    now = datetime.now()
    data.Modality, data.SeriesInstanceUID, data.SeriesNumber = "DOC", f"2.25.{uuid.uuid4().int}", SERIES_NUMBER
    data.SeriesDescription = data.DocumentTitle = title
    data.ConversionType = "WSD"
    data.InstanceNumber = 1
    data.ContentDate, data.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    data.AcquisitionDateTime = ""
    data.BurnedInAnnotation = "YES"
    data.ConceptNameCodeSequence = [_code("18748-4", "LN", "Diagnostic imaging study")]
    data.MIMETypeOfEncapsulatedDocument = "application/pdf"
    data.EncapsulatedDocumentLength = len(content)
    data.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    save_whole(data, path)
    return None


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
