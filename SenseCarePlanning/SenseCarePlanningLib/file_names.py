"""Names for files that a program proposes: legal on Windows, macOS and Linux, whatever the patient's series is called."""

from __future__ import annotations

import re

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
"""Windows refuses all of them in a name (Microsoft, "Naming Files, Paths, and Namespaces", 2024); macOS and Linux the slash, and
macOS shows a colon as one."""
DEVICES = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?=\.|$)", re.IGNORECASE)
"""Windows takes such a name for a device, with any ending."""
LONGEST_BYTES = 180
"""The file systems of all three take 255 bytes or letters of a name; an ending and a copy's number still fit."""


def file_name_of(text: str, otherwise: str = "file") -> str:
    """Return a text as a file's name without its ending, as near to the text as every system allows.

    Parameters
    ----------
    text
        What the user knows the thing by: a series' description, say.
    otherwise
        The name when nothing of the text can be kept.
    """
    name = " ".join(FORBIDDEN.sub(" ", text).split())
    name = name.encode("utf-8")[:LONGEST_BYTES].decode("utf-8", errors="ignore")
    name = name.strip(". ")  # a dot in front hides a file, one behind is dropped by Windows, and so is a space
    return DEVICES.sub(r"\1_", name, count=1) if DEVICES.match(name) else name or otherwise
