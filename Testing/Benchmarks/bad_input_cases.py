"""All odd and damaged inputs, in one list."""

from __future__ import annotations

from bad_input_base import Case
from bad_input_coded import compression_cases, enhanced_cases
from bad_input_dicom import damage_cases, series_cases, value_cases
from bad_input_files import file_cases


def all_cases() -> list[Case]:
    """Return every case."""
    return [*series_cases(), *value_cases(), *compression_cases(), *enhanced_cases(), *file_cases(), *damage_cases()]
