"""Codes and clinical constants of the airway module, each with its source."""

from __future__ import annotations

LUNG_RIGHT, LUNG_LEFT = 1, 2
LUNG_NAMES = {LUNG_RIGHT: "lung_right", LUNG_LEFT: "lung_left"}

RUL, RML, RLL, LUL, LLL = 1, 2, 3, 4, 5
LOBE_CODES = {RUL: "RUL", RML: "RML", RLL: "RLL", LUL: "LUL", LLL: "LLL"}
"""Lobe label values. Lingula belongs to LUL (B4, B5 left)."""

TRACHEA, RIGHT_MAIN, LEFT_MAIN, INTERMEDIATE = "trachea", "RMB", "LMB", "BI"
ACCESSORY_CARDIAC = "accessory_cardiac"
"""A supernumerary bronchus of the medial wall of the right main or intermediate bronchus, found in 0.09 to 0.5 % of people
(Ghaye et al. 2001, doi:10.1148/radiographics.21.1.g01ja06105)."""

LOBAR_CODES = ("RULB", "RMLB", "RLLB", "LULB", "LLLB", "LUDB", "LingB")
"""Lobar bronchi; LUDB is the upper division and LingB the lingular bronchus of the left upper lobe."""

SEGMENT_CODES = (
    "RB1", "RB2", "RB3", "RB4", "RB5", "RB6", "RB7", "RB8", "RB9", "RB10",
    "LB1+2", "LB3", "LB4", "LB5", "LB6", "LB7", "LB8", "LB9", "LB10",
)  # fmt: skip
"""Segmental bronchi after Jackson and Huber 1943 (see ``naming``) in Boyden's numbering; LB7 is often absent.
Deeper branches carry the code of their segment with a suffix: RB3a, RB3b, RB3bi (rules in ``branch_names``)."""

EXPECTED_BRANCHES = 150
"""Fewer branches than this, or a lobe without one, make a tree incomplete. Chosen: trees built here from the consensus of
five published masks for each of four ATM'22 test scans (doi:10.48550/arXiv.2303.05745) have 241 to 383 branches."""
