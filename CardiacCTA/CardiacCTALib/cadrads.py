"""CAD-RADS 2.0: the category of a patient, plaque burden and modifiers, with the rules that fired and what would change them.

Cury et al. 2022, doi:10.1016/j.jcmg.2022.07.002; constants and what is disputed about them in ``constants``. Modifiers are
printed in the order P, N, HRP, I, S, G, E, as Celeng et al. 2023 (Radiology Assistant) list them. A graft is graded like the
vessel it feeds and an occluded graft is an occlusion, as an independent public implementation has it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .cadrads_category import (
    Category,
    Graded,
    at_limit_parts,
    category_of,
    counts_by_size,
    graded_parts,
    in_order,
    narrower_parts,
    possible_categories,
    severe_vessels,
    whole_percent,
    worst_by_vessel,
)
from .cadrads_rules import Fired, Rule, fired
from .cadrads_what_if import what_if
from .constants import GRADED_ABOVE_MM, HIGH_RISK_FEATURES, LEFT_MAIN_4B_FROM, OCCLUDED_AT, SEVERE_FROM
from .findings import CoronaryFindings
from .plaque_burden import PlaqueBurden, has_disease, has_plaque, plaque_burden
from .segments import CONSTANT, RAMUS, SEGMENTS, Artery

_MILDER = {Category.MINIMAL: Rule.MINIMAL, Category.MILD: Rule.MILD, Category.MODERATE: Rule.MODERATE}


@dataclass(frozen=True)
class CadRads:
    """The graded patient.

    Parameters
    ----------
    category
        By the measured values.
    possible
        Every category that values inside the intervals give, mildest first; one when it is certain.
    modifiers
        In the order of printing, the burden left out: such as ``("N", "HRP", "I+")``.
    worst_percent
        Worst stenosis of each vessel, in whole percent.
    trace
        The rules that fired, in order.
    what_if
        What would change the category or the burden.
    """

    category: Category
    possible: tuple[Category, ...]
    burden: PlaqueBurden
    modifiers: tuple[str, ...]
    worst_percent: tuple[tuple[Artery, int], ...]
    trace: tuple[Fired, ...]
    what_if: tuple[Fired, ...]

    @property
    def certain(self) -> bool:
        """Whether the intervals leave one category."""
        return len(self.possible) == 1

    @property
    def text(self) -> str:
        """The line of the report, such as ``CAD-RADS 4A/P3/N/HRP/I+/S``."""
        burden = () if self.burden.level is None else (f"P{self.burden.level}",)
        return "/".join((f"CAD-RADS {self.category.value}", *burden, *self.modifiers))


def grade(findings: CoronaryFindings) -> CadRads:
    """Grade a patient.

    Parameters
    ----------
    findings
        One finding per segment and graft; an empty heart is category N, because every segment was missed.
    """
    parts = graded_parts(findings)
    unseen = _not_assessed(findings)
    plaque = _certain_disease(findings, {part.name for part in parts})
    worst = worst_by_vessel(parts)
    category = category_of(worst, plaque, bool(unseen))
    possible = possible_categories(parts, plaque, bool(unseen))
    if narrow := at_limit_parts(findings):
        possible = in_order((*possible, *possible_categories([*parts, *narrow], plaque, bool(unseen))))
    if narrower := narrower_parts(findings, parts):
        possible = in_order((*possible, *possible_categories(narrower, plaque, bool(unseen))))
    if findings.faint_calcium is not None:  # the score may be 0, and then proves no disease
        seen = _certain_disease(replace(findings, agatston=None), {part.name for part in parts})
        possible = in_order((*possible, *possible_categories(parts, seen, bool(unseen))))
    burden = plaque_burden(findings, bool(unseen))
    high_risk = list(_high_risk(findings))
    modifiers = _modifiers(findings, category, bool(unseen), any(one.rule is Rule.HIGH_RISK for one in high_risk))
    given = tuple(one.code for one in findings.segments if one.by_reader)
    trace = [
        *([fired(Rule.BY_READER, parts=given)] if given else []),
        *_why_graded(findings),
        *unseen,
        *_why_category(parts, worst, category, given),
        *_why_disease(findings, category),
        *([] if len(possible) == 1 else [fired(Rule.NOT_CERTAIN, categories=tuple(one.value for one in possible))]),
        *([] if findings.faint_calcium is None else [findings.faint_calcium.say()]),
        *burden.trace,
        *([fired(Rule.N_MODIFIER)] if "N" in modifiers else []),
        *high_risk,
        *_why_modifiers(findings),
    ]
    changes = what_if(findings, category, plaque, bool(unseen))
    return CadRads(category, possible, burden, modifiers, tuple(worst.items()), tuple(trace), tuple(changes))


def _certain_disease(findings: CoronaryFindings, graded: set[str]) -> bool:
    """Tell whether there is disease whatever the graded stenoses are; one that may be nothing proves none."""
    seen = any(has_plaque(one) or (has_disease(one) and one.code not in graded) for one in findings.segments)
    return seen or bool(findings.agatston)


def _not_assessed(findings: CoronaryFindings) -> list[Fired]:
    """Return what would be graded and cannot be; segments that are small or bypassed do not matter."""
    found = {one.code for one in findings.segments} | findings.absent
    missed = [fired(Rule.NOT_SEEN, part=one.code) for one in SEGMENTS if one.code in CONSTANT - found]
    segments = [
        fired(Rule.NOT_ASSESSABLE, part=one.code, reason=one.not_assessable)
        for one in findings.segments
        if one.not_assessable and not one.bypassed and counts_by_size(one)
    ]
    grafts = [
        fired(Rule.NOT_ASSESSABLE, part=one.name, reason=one.not_assessable) for one in findings.grafts if one.stenosis is None
    ]
    return missed + segments + grafts


def _why_graded(findings: CoronaryFindings) -> Iterator[Fired]:
    for one in findings.segments:
        if one.bypassed:
            percent = 0 if one.stenosis is None else whole_percent(one.stenosis.percent)
            if percent:
                yield fired(Rule.BYPASSED_STENOSIS, part=one.code, percent=percent)
            else:
                yield fired(Rule.BYPASSED, part=one.code)
        elif not counts_by_size(one) and (has_disease(one) or one.not_assessable):
            yield fired(Rule.SMALL, part=one.code, diameter=f"{one.diameter_mm:g}", limit=f"{GRADED_ABOVE_MM:g}")
        elif one.at_limit is not None:
            yield fired(Rule.AT_LIMIT, percent=whole_percent(one.at_limit.percent), part=one.code, limit=f"{GRADED_ABOVE_MM:g}")
        elif one.if_narrow is not None and one.stenosis is not None:
            percent = whole_percent(one.stenosis.percent)
            yield fired(Rule.AT_BORDER, percent=percent, part=one.code, limit=f"{GRADED_ABOVE_MM:g}")


def _why_category(
    parts: Sequence[Graded], worst: dict[Artery, int], category: Category, given: tuple[str, ...]
) -> Iterator[Fired]:
    highest = max(parts, key=lambda part: part.stenosis.percent, default=None)
    if highest is not None and highest.percent:
        worst_part = fired(Rule.WORST, percent=highest.percent, part=highest.name)
        if highest.name in given:
            worst_part = fired(Rule.WORST_BY_READER, part=highest.name)
        elif highest.stenosis.interval is not None:
            low, high = whole_percent(highest.stenosis.low), whole_percent(highest.stenosis.high)
            worst_part = fired(Rule.WORST_INTERVAL, percent=highest.percent, low=low, high=high, part=highest.name)
        yield worst_part
    severe = severe_vessels(worst)
    if category is Category.OCCLUDED:
        closed = [part for part in parts if part.percent >= OCCLUDED_AT]
        sure = tuple(part.name for part in closed if part.stenosis.low >= OCCLUDED_AT)
        likely = tuple(part.name for part in closed if part.stenosis.low < OCCLUDED_AT)
        yield from (fired(rule, parts=names) for rule, names in ((Rule.OCCLUDED, sure), (Rule.LIKELY_OCCLUDED, likely)) if names)
    elif category is Category.SEVERE_EXTENSIVE:
        if worst.get(Artery.LM, 0) >= LEFT_MAIN_4B_FROM:
            yield fired(Rule.LEFT_MAIN, percent=worst[Artery.LM], limit=LEFT_MAIN_4B_FROM)
        if len(severe) == 3:
            yield fired(Rule.THREE_VESSELS, parts=tuple(part.name for part in parts if part.percent >= SEVERE_FROM))
    elif category is Category.SEVERE:
        named = [vessel for vessel, percent in worst.items() if percent >= SEVERE_FROM]
        yield fired(Rule.SEVERE, vessels=tuple(vessel.value for vessel in named))
    elif category is Category.NON_DIAGNOSTIC:
        yield fired(Rule.NON_DIAGNOSTIC)
    elif category in _MILDER and worst and max(worst.values()) > 0:
        yield fired(_MILDER[category])
    else:
        yield fired(Rule.NO_DISEASE if category is Category.NONE else Rule.PLAQUE_ONLY)
    if any(part.name == RAMUS and part.percent >= SEVERE_FROM for part in parts):
        yield fired(Rule.RAMUS)


def _why_disease(findings: CoronaryFindings, category: Category) -> Iterator[Fired]:
    """Say where category 1 rests on a stent or on calcium alone."""
    if category is not Category.MINIMAL:
        return
    seen = [one for one in findings.segments if has_disease(one)]
    if not seen:
        yield fired(Rule.CALCIUM_DISEASE)
    elif all(one.stent and not has_disease(replace(one, stent=False)) for one in seen):
        yield fired(Rule.STENT_DISEASE)


def _high_risk(findings: CoronaryFindings) -> Iterator[Fired]:
    """Say which plaques are high-risk: two features in one and the same plaque."""
    plaques = [(one.code, features) for one in findings.segments for features in one.plaque_features if features]
    hits = [(code, features) for code, features in plaques if len(features) >= HIGH_RISK_FEATURES]
    for code, features in hits:
        yield fired(Rule.HIGH_RISK, part=code, features=tuple(sorted(feature.value for feature in features)))
    for one in findings.segments:
        for features in one.doubtful_features:
            names = tuple(sorted(feature.value for feature in features))
            yield fired(Rule.HIGH_RISK_DOUBTFUL, part=one.code, features=names, least=HIGH_RISK_FEATURES)
    if plaques and not hits:
        yield fired(Rule.HIGH_RISK_TOO_FEW)


def _modifiers(findings: CoronaryFindings, category: Category, unseen: bool, high_risk: bool) -> tuple[str, ...]:
    ordered = (
        ("N", unseen and category is not Category.NON_DIAGNOSTIC),
        ("HRP", high_risk),
        (findings.ischaemia.value if findings.ischaemia else "", findings.ischaemia is not None),
        ("S", findings.has_stent),
        ("G", bool(findings.grafts)),
        ("E", bool(findings.not_atherosclerotic)),
    )
    return tuple(name for name, holds in ordered if holds)


def _why_modifiers(findings: CoronaryFindings) -> Iterator[Fired]:
    if findings.ischaemia is not None:
        yield fired(Rule.ISCHAEMIA, modifier=findings.ischaemia.value)
    for stented in (one for one in findings.segments if one.stent):
        yield fired(Rule.STENT_NOT_READ if stented.stenosis is None else Rule.STENT, part=stented.code)
    for graft in findings.grafts:
        if graft.stent:
            yield fired(Rule.STENT, part=graft.name)
        if graft.stenosis is None or graft.target is None:
            yield fired(Rule.GRAFT_SEEN, part=graft.name)
        else:
            yield fired(Rule.GRAFT, part=graft.name, vessel=graft.target.value)
    if findings.not_atherosclerotic:
        yield fired(Rule.NOT_ATHEROSCLEROTIC, what=tuple(sorted(one.value for one in findings.not_atherosclerotic)))
