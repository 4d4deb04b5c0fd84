"""The fonts that travel with the program, and what to do with a character that they lack."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

REPLACEMENT = "□"
"""Printed for a character that the font lacks; the font has this one."""

_INVISIBLE = frozenset({0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xFE0E, 0xFE0F, 0x00AD})
"""Format characters without a shape of their own (joiners, variation selectors): dropped, not replaced."""


def font_path(bold: bool = False) -> Path:
    """Return the TrueType file of Noto Sans SC (GB 2312, Latin, Greek, symbols), regular or bold."""
    return Path(__file__).parent / "fonts" / ("NotoSansSC-Bold.ttf" if bold else "NotoSansSC-Regular.ttf")


@lru_cache(maxsize=1)
def covered() -> frozenset[int]:
    """Return the code points that the shipped fonts can draw (both weights hold the same set)."""
    from reportlab.pdfbase.ttfonts import TTFontFile

    return frozenset(TTFontFile(str(font_path())).charToGlyph) - {0xFFFF}  # the end mark of the table


def printable(text: str) -> tuple[str, tuple[str, ...]]:
    """Make a text that the shipped fonts can draw.

    Parameters
    ----------
    text
        Any text; control characters become spaces.

    Returns
    -------
    text, missing
        The text with each unknown character as :data:`REPLACEMENT`, and those characters as ``U+XXXX``, each once.
    """
    known = covered()
    shown: list[str] = []
    missing: dict[str, None] = {}
    for character in text:
        code = ord(character)
        if code in known or character == "\n":
            shown.append(character)
        elif code in _INVISIBLE:
            continue
        elif code < 0x20 or 0x7F <= code < 0xA0:
            shown.append(" ")
        else:
            shown.append(REPLACEMENT)
            missing[f"U+{code:04X}"] = None
    return "".join(shown), tuple(missing)
