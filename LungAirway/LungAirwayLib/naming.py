"""Names of bronchi in two languages and two systems, and what a code says of lobe, segment and side.

Codes are Boyden's numbers with a side (``RB6``, ``LB1+2``); a suffix names the subsegment (``RB3a``) and the branches
below it (``RB3bii``, ``RB3bii-1``): see ``branch_names``. Segments after Jackson and Huber 1943, "Correlated applied
anatomy of the bronchial tree and lungs with a system of nomenclature", Dis. Chest; subsegment letters after Boyden 1955,
"Segmental anatomy of the lungs".
"""

from __future__ import annotations

import re

from .constants import ACCESSORY_CARDIAC, LLL, LUL, RLL, RML, RUL

LANGUAGES = ("en", "zh")
SYSTEMS = ("boyden", "clinical")
UNCERTAIN_NAME_BELOW = 0.8
"""A branch name with less confidence than this is printed with a question mark."""

_CLINICAL: dict[str, tuple[str, str]] = {
    "trachea": ("trachea", "气管"),
    "RMB": ("right main bronchus", "右主支气管"),
    "LMB": ("left main bronchus", "左主支气管"),
    "BI": ("bronchus intermedius", "右中间段支气管"),
    ACCESSORY_CARDIAC: ("accessory cardiac bronchus", "副心支气管"),
    "RULB": ("right upper lobe bronchus", "右肺上叶支气管"),
    "RMLB": ("right middle lobe bronchus", "右肺中叶支气管"),
    "RLLB": ("right lower lobe bronchus", "右肺下叶支气管"),
    "LULB": ("left upper lobe bronchus", "左肺上叶支气管"),
    "LLLB": ("left lower lobe bronchus", "左肺下叶支气管"),
    "LUDB": ("upper division bronchus, left upper lobe", "左肺上叶固有支气管"),
    "LingB": ("lingular bronchus, left upper lobe", "左肺上叶舌支气管"),
    "RB1": ("apical segmental bronchus, right upper lobe", "右肺上叶尖段支气管"),
    "RB2": ("posterior segmental bronchus, right upper lobe", "右肺上叶后段支气管"),
    "RB3": ("anterior segmental bronchus, right upper lobe", "右肺上叶前段支气管"),
    "RB4": ("lateral segmental bronchus, right middle lobe", "右肺中叶外侧段支气管"),
    "RB5": ("medial segmental bronchus, right middle lobe", "右肺中叶内侧段支气管"),
    "RB6": ("superior segmental bronchus, right lower lobe", "右肺下叶背段支气管"),
    "RB7": ("medial basal segmental bronchus, right lower lobe", "右肺下叶内基底段支气管"),
    "RB8": ("anterior basal segmental bronchus, right lower lobe", "右肺下叶前基底段支气管"),
    "RB9": ("lateral basal segmental bronchus, right lower lobe", "右肺下叶外基底段支气管"),
    "RB10": ("posterior basal segmental bronchus, right lower lobe", "右肺下叶后基底段支气管"),
    "LB1+2": ("apicoposterior segmental bronchus, left upper lobe", "左肺上叶尖后段支气管"),
    "LB3": ("anterior segmental bronchus, left upper lobe", "左肺上叶前段支气管"),
    "LB4": ("superior lingular segmental bronchus, left upper lobe", "左肺上叶上舌段支气管"),
    "LB5": ("inferior lingular segmental bronchus, left upper lobe", "左肺上叶下舌段支气管"),
    "LB6": ("superior segmental bronchus, left lower lobe", "左肺下叶背段支气管"),
    "LB7": ("medial basal segmental bronchus, left lower lobe", "左肺下叶内基底段支气管"),
    "LB8": ("anterior basal segmental bronchus, left lower lobe", "左肺下叶前基底段支气管"),
    "LB9": ("lateral basal segmental bronchus, left lower lobe", "左肺下叶外基底段支气管"),
    "LB10": ("posterior basal segmental bronchus, left lower lobe", "左肺下叶后基底段支气管"),
}

_LOBE_OF_BRONCHUS = {
    "RULB": RUL, "RMLB": RML, "RLLB": RLL, "LULB": LUL, "LUDB": LUL, "LingB": LUL, "LLLB": LLL,
    "RB1": RUL, "RB2": RUL, "RB3": RUL, "RB4": RML, "RB5": RML,
    "RB6": RLL, "RB7": RLL, "RB8": RLL, "RB9": RLL, "RB10": RLL,
    "LB1+2": LUL, "LB3": LUL, "LB4": LUL, "LB5": LUL,
    "LB6": LLL, "LB7": LLL, "LB8": LLL, "LB9": LLL, "LB10": LLL,
}  # fmt: skip

_LOBE_NAMES = {
    "RUL": ("right upper lobe", "右肺上叶"),
    "RML": ("right middle lobe", "右肺中叶"),
    "RLL": ("right lower lobe", "右肺下叶"),
    "LUL": ("left upper lobe", "左肺上叶"),
    "LLL": ("left lower lobe", "左肺下叶"),
}

_CODE = re.compile(
    r"^(?P<base>[a-zA-Z_]+(?:[0-9]+(?:\+[0-9]+)*)?)(?P<suffix>\**(?:[a-f](?:[ivx]+)?)?(?:[-.](?:[0-9]+|[ivx]+))*)$"
)
_BELOW = re.compile(r"^below (?P<above>\S+) (?P<path>[0-9]+(?:-[0-9]+)*)$")


def _is_trunk(base: str) -> bool:
    """Tell whether a code such as ``RB9+10`` is the common trunk of segments of one lobe."""
    lobes = {_LOBE_OF_BRONCHUS.get(base[:2] + number) for number in base[2:].split("+")}
    return base[:2] in ("RB", "LB") and "+" in base and len(lobes) == 1 and None not in lobes


def _match(code: str) -> tuple[str, str] | None:
    match = _CODE.match(code)
    found = None if match is None else (match["base"], match["suffix"])
    return found if found is not None and (found[0] in _CLINICAL or _is_trunk(found[0])) else None


def split_code(code: str) -> tuple[str, str]:
    """Split ``"RB3bii-1"`` into its segment ``"RB3"`` and suffix ``"bii-1"``.

    A branch of an uncertain segment, ``"below RLLB.2 1-2"``, gives ``"RLLB"`` and ``"below .2 1-2"``; the rules of all
    names are those of ``branch_names``.

    Raises
    ------
    ValueError
        When the code is not one of ours.
    """
    if code in _LOBE_NAMES:
        return code, ""
    below = _BELOW.match(code)
    found = _match(below["above"] if below is not None else code)
    if found is None:
        raise ValueError(f"unknown bronchus code {code!r}; expected one such as 'RMB', 'RULB', 'RB6' or 'LB1+2a'")
    return found if below is None else (found[0], f"below {found[1]} {below['path']}")


def segment_of(code: str | None) -> str | None:
    """Return the segmental code (``"RB3"``) of a code, or None for a bronchus above the segments."""
    if code is None:
        return None
    base, suffix = split_code(code)
    return base if base[:2] in ("RB", "LB") and base in _CLINICAL and not suffix.startswith("below") else None


def lobe_of(code: str | None) -> int | None:
    """Return the lobe label value (``RUL`` = 1 ... ``LLL`` = 5) that a bronchus supplies, None above the lobes."""
    if code is None:
        return None
    base, _ = split_code(code)
    return _LOBE_OF_BRONCHUS.get(base if base in _CLINICAL else base.split("+")[0])


def is_part_of(code: str, trunk: str) -> bool:
    """Tell whether a code is a trunk or one of its parts beyond side branches: ``BI`` or ``BI.2`` for ``BI``."""
    return code == trunk or code.startswith(f"{trunk}.")


def side_of(code: str | None) -> str | None:
    """Return ``"right"`` or ``"left"``, None for the trachea and for no code."""
    if code is None or code == "trachea":
        return None
    split_code(code)
    return "left" if code.removeprefix("below ").startswith("L") else "right"


def display_name(code: str | None, language: str = "en", system: str = "clinical") -> str:
    """Return the name of a bronchus or lobe for a reader.

    Parameters
    ----------
    code
        A code such as ``"RB6"``, ``"RULB"``, ``"RB3bii"``, a lobe code such as ``"RUL"``, or None.
    language
        ``"en"`` or ``"zh"``.
    system
        ``"clinical"`` writes the name out; ``"boyden"`` gives segmental bronchi as their code.

    Raises
    ------
    ValueError
        For an unknown code, language or system.
    """
    if language not in LANGUAGES or system not in SYSTEMS:
        raise ValueError(f"expected language in {LANGUAGES} and system in {SYSTEMS}, got {language!r}, {system!r}")
    column = LANGUAGES.index(language)
    if code is None:
        return ("unnamed bronchus", "未命名支气管")[column]
    below = _BELOW.match(code)
    if below is not None:
        above = display_name(below["above"], language, system)
        return (f"below {above} {below['path']}", f"{above}以下 {below['path']}")[column]
    base, suffix = split_code(code)
    if system == "boyden" and base[:2] in ("RB", "LB"):
        return code
    if base in _CLINICAL or base in _LOBE_NAMES:
        name = (_CLINICAL.get(base) or _LOBE_NAMES[base])[column]
    else:
        name = (f"common trunk {base}", f"{base} 共干")[column]
    if not suffix:
        return name
    if suffix[0] == "." and suffix[1:].isdigit():
        suffix = (f"part {suffix[1:]}", f"第 {suffix[1:]} 部分")[column]
    return f"{name} ({suffix})" if language == "en" else f"{name}（{suffix}）"
