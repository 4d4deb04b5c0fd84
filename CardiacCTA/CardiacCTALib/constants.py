"""Clinical constants of the coronary module, each with its source; what sources dispute is a constant of its own.

Sources that recur. *Cury 2022*: CAD-RADS 2.0, JACC Cardiovasc Imaging 15:1974-2001, doi:10.1016/j.jcmg.2022.07.002 (the same text
is J Cardiovasc Comput Tomogr 16:536-557, doi:10.1016/j.jcct.2022.07.002; both checked in bibliographic records), read through
published summaries of it (its text was not at hand): radathand.com's calculator, and Celeng et al. 2023, "CAD-RADS 2.0",
Radiology Assistant.
"""

from __future__ import annotations

# Stenosis, percent of the diameter ------------------------------------------------------------------------------------------
MILD_FROM, MODERATE_FROM, SEVERE_FROM, OCCLUDED_AT = 25, 50, 70, 100
"""Lower ends of mild, moderate and severe, and total occlusion; 1 to 24 is minimal (Cury 2022). Measured values are rounded to
whole percent first, but nothing short of 100 is rounded up to an occlusion."""
LEFT_MAIN_4B_FROM = 50
"""Left main stenosis that makes category 4B. Disputed: summaries of CAD-RADS 2.0 say 50 or more, others repeat "over 50" from
version 1.0 (Cury 2016, doi:10.1016/j.jcmg.2016.05.005, checked in its first page). A left main of exactly 50 % depends on it."""
THREE_VESSELS = 3
"""Vessels with severe stenosis that make category 4B: all of LAD, LCx and RCA (Cury 2022)."""
GRADED_ABOVE_MM = 1.5
"""Only segments wider than this are graded (summaries of Cury 2022). Disputed at exactly 1.5 mm: some say "1.5 mm or more"."""
RAMUS_COUNTS_AS_LCX = True
"""Severe stenosis of the ramus intermedius counts for the LCx among the three vessels. Chosen: CAD-RADS names three vessels
and gives the ramus to none."""
STENT_IMPLIES_PLAQUE = True
"""A segment with a stent is diseased: the patient is not category 0 ("no plaque") and the segment counts as involved. Chosen."""

# Plaque burden --------------------------------------------------------------------------------------------------------------
P_BY_CALCIUM = ((1, 1), (101, 2), (301, 3))
"""Lowest Agatston score of P1, P2 and P3 (Cury 2022: 1-100, 101-300, 301-999)."""
P4_CALCIUM_FROM = 1000
"""Agatston score from which P is 4. Disputed: the table ends P3 at 999 and begins P4 with ">1000"; 1000 is taken as P4,
as by an independent public implementation."""
P_HIGHER_OF_BOTH = False
"""Whether the higher of both ways is the burden. Disputed: the summaries of CAD-RADS 2.0 take the calcium score where there is
one; one study of P by both ways and one public implementation take the higher."""
P_BY_INVOLVEMENT = ((1, 1), (3, 2), (5, 3), (8, 4))
"""Fewest involved segments of P1 to P4 (Cury 2022: up to 2, 3-4, 5-7, 8 and more)."""
HIGH_RISK_FEATURES = 2
"""Features in one plaque that make it a high-risk plaque (Cury 2022)."""

# Calcium --------------------------------------------------------------------------------------------------------------------
CALCIUM_HU_BY_KVP = {
    70: (207, 318, 477, 636),
    80: (177, 271, 408, 544),
    100: (145, 222, 334, 446),
    120: (130, 200, 300, 400),
    135: (119, 183, 274, 364),
}
"""Lowest HU of the weights 1 to 4 by tube voltage. 120 kV: Agatston et al. 1990, doi:10.1016/0735-1097(90)90282-T (DOI from
memory). The others: table after Graeni et al. 2018, as implemented in CalciumScoring.jl, whose row of 120 kV reads 199, 299, 399;
the classical 130, 200, 300, 400 stand here. Voltages with a tin filter (Sn 100 kV) have other values and are not in the table."""
CALCIUM_LEAST_AREA_MM2 = 1.0
"""Smallest lesion in a slice that counts (Agatston 1990 as CalciumScoring.jl and most programs take it; inclusive)."""
CALCIUM_SLICE_MM = 3.0
"""Slice interval the Agatston score is defined on; other intervals are scaled by interval over 3 mm (SOMATOM manual: the score
"takes slice width and interslice distance into account")."""
CALCIUM_SLICE_RANGE_MM = (2.4, 3.1)
"""Slice thickness that is scored. Chosen: 2.5 and 3 mm are the common protocols; thinner slices are noisier and thicker ones
blur, and no factor undoes that."""
CALCIUM_BLOOD_LIMIT_HU = 100.0
"""Blood brighter than this holds contrast. Chosen: blood without contrast has 30 to 60 HU, and 130 HU would count as calcium."""
CALCIUM_CATEGORIES = ((0, "0"), (10, "1-10"), (100, "11-100"), (400, "101-400"), (1000, "401-1000"))
"""Highest Agatston score, in whole numbers, of each category; ">1000" is above all (six-level scale as the Lithuanian HL7 guide
on cardiovascular disease has it)."""
CALCIUM_ABOVE_ALL = ">1000"
