"""Plaque by lesion and vessel, signs of high-risk plaque with their evidence, and the calcium score."""

from __future__ import annotations

from SenseCarePlanningLib.report.model import Block, Cell, Column, DataTable, Figure, Heading, Paragraph, Section, Tone

from ..calcium import CalciumScore
from ..faint_calcium import faint_calcium
from ..high_risk import Answer, HighRiskFeature
from ..plaque import PlaqueVolumes
from ..result import CoronaryResult
from ..segments import LEFT_MAIN, Artery
from ..vessel_result import VesselResult
from .assessed import blind_codes
from .rows import LesionRow, counted_rows, lesion_rows
from .words import Pictures, Words

_CALCIFIED_SHOWN = 15
"""So many calcified lesions are listed one by one; the heaviest make nearly all of a score."""


def plaque_section(result: CoronaryResult, words: Words) -> Section:
    """Return plaque volumes of each lesion and of each vessel."""
    columns = (
        Column(words.say("Where"), 1.4),
        Column(words.say("Kind"), 1.95),
        Column(words.say("Total"), 1.75, "right"),
        Column(words.say("Calcified"), 1.5, "right"),
        Column(words.say("Non-calcified"), 1.85, "right"),
        Column(words.say("Under 30 HU"), 1.4, "right"),
        Column(words.say("30–130 HU"), 1.15, "right"),
        Column(words.say("130–350 HU"), 1.2, "right"),
        Column(words.say("Percent atheroma volume"), 1.95, "right"),
    )
    rows = [_volumes(f"{row.name} {row.code}".strip(), row.plaque.volumes, words) for row in lesion_rows(result)]
    measured = [(_whole_name(one, words), one.plaque) for one in result.vessels if one.plaque is not None]
    rows += [_volumes(words.say("whole {vessel}", vessel=name), one, words) for name, one in measured if one.total > 0.0]
    clean = words.say(", ").join(
        one.vessel.name for one in result.vessels
        if one.plaque is not None and one.plaque.total <= 0.0 and not blind_codes(result, one)
    )  # fmt: skip
    blocks: list[Block] = []
    if rows:  # the unit once, not in every title: the columns are narrow
        unit = words.say("Volumes in mm³.")
        blocks.append(DataTable(columns, tuple(rows), caption=unit, compact=True))
    if clean:
        blocks.append(Paragraph(clean, words.say("No plaque:"), small=True))
    if not measured:
        blocks.append(Paragraph(words.say("No vessel was measured.")))
    if rows:
        blocks.append(Paragraph(words.say("Where the plaque lies is shown by the plaque map of each vessel."), small=True))
    facts = result.scan
    if facts is not None:
        blocks.append(
            Paragraph(
                words.say(
                    "HU depend on the scan: {kvp} kV, kernel {kernel}, lumen {lumen} HU, point spread {fwhm}, noise {noise} HU. "
                    "Plaque is what lies between the lumen and the normal wall, whose thickness is that of the vessel's healthy "
                    "stretches. In brackets the 95 % interval.",
                    kvp=words.say("not stated") if facts.kvp is None else f"{facts.kvp:.0f}",
                    kernel=facts.kernel or words.say("not stated"),
                    lumen=f"{facts.lumen_hu:.0f}",
                    fwhm=words.with_unit(facts.fwhm_mm, "mm", 2),
                    noise=f"{facts.noise_hu:.0f}",
                ),
                small=True,
            )
        )
    return Section(words.say("Plaque"), tuple(blocks))


def _whole_name(one: VesselResult, words: Words) -> str:
    """Return a vessel's name, with the left main where it is measured as the beginning of the vessel."""
    with_left_main = one.vessel.name != LEFT_MAIN and any(part.code == LEFT_MAIN for part in one.vessel.stretches)
    return words.say("LM and {vessel}", vessel=one.vessel.name) if with_left_main else one.vessel.name


def _volumes(where: str, volumes: PlaqueVolumes, words: Words) -> tuple[str, ...]:
    names = ("total", "calcified", "non_calcified", "low_attenuation")
    bins = tuple(words.number(value, "mm3", 0) for _, value in volumes.by_bin[1:])
    return (where, words.say(volumes.kind.value), *(_number(volumes, name, "mm3", words) for name in names), *bins,
            _number(volumes, "burden_percent", "%", words))  # fmt: skip


def _number(volumes: PlaqueVolumes, name: str, unit: str, words: Words) -> str:
    """Return a number with its interval: ``42 (35–50)``."""
    value = float(getattr(volumes, name))
    told = words.with_unit(value, unit, 0) if unit == "%" else words.number(value, unit, 0)
    range_ = volumes.estimate(name)
    spread = "" if range_ is None or range_.high < 0.5 else words.interval((range_.low, range_.high), unit)
    return f"{told} ({spread})" if spread else told


def high_risk_section(result: CoronaryResult, words: Words) -> Section | None:
    """Return the four signs in each lesion, with what was measured and where to look; None without lesions."""
    rows = []
    for row in counted_rows(result):
        for feature in row.plaque.features:
            where = _where(feature, row)
            rows.append(
                (
                    f"{row.name} {row.code}".strip(),
                    words.say(feature.feature.value),
                    _present(feature, words),
                    words.sentence(feature.evidence).replace("+-", "±"),
                    words.with_unit(where, "mm") if where is not None else "–",
                )
            )
    if not rows:
        return None
    columns = (
        Column(words.say("Lesion"), 1.3),
        Column(words.say("Sign"), 2.0),
        Column(words.say("Present"), 1.5),
        Column(words.say("Evidence"), 4.6),
        Column(words.say("From the ostium"), 1.3, "right"),
    )
    note = Paragraph(words.say("Two or more signs beyond doubt in one plaque make the modifier HRP."), small=True)
    return Section(words.say("Signs of high-risk plaque"), (DataTable(columns, tuple(rows), compact=True), note))


def _where(feature: HighRiskFeature, row: LesionRow) -> float | None:
    """Return how far from the ostium a sign is to be looked at, mm; None where nothing was found."""
    if feature.section is None or row.vessel.measured is None:
        return None
    return row.vessel.vessel.ostium_mm + float(row.vessel.measured.walls.arc_mm[feature.section])


def _present(feature: HighRiskFeature, words: Words) -> Cell | str:
    said = words.say(feature.answer.value)
    if feature.answer is Answer.NOT_CERTAIN:
        return Cell(said, tone=Tone.INFO)
    return Cell(said, tone=Tone.CAUTION) if feature.answer is Answer.YES else said


def calcium_section(result: CoronaryResult, words: Words, pictures: Pictures | None = None) -> Section:
    """Return the calcium score of each artery, or why there is none; and the calcified lesions, drawn where given."""
    score = result.calcium
    title = words.say("Calcium score")
    if score is None:
        item = result.examination.get("agatston_score")
        reason = words.measured(item) if item is not None else words.say("not stated")
        return Section(
            title,
            (
                Paragraph(
                    reason,
                    words.say("Agatston score"),
                ),
            ),
        )
    columns = (
        Column(words.say("Artery"), 1.5),
        Column(words.say("Lesions"), 1.2, "right"),
        Column(words.say("Agatston score"), 1.6, "right"),
        Column(words.say("Volume (mm³)"), 1.6, "right"),
        Column(words.say("Mass (mg)"), 1.6, "right"),
    )
    rows = [
        (
            artery.value,
            str(sum(one.artery is artery for one in score.lesions)),
            f"{score.agatston(artery):.0f}",
            words.number(score.volume_mm3(artery), "mm3", 1),
            _mass(score.mass_mg(artery), words),
        )
        for artery in (Artery.LM, Artery.LAD, Artery.LCX, Artery.RCA, Artery.RI)
        if artery is not Artery.RI or score.agatston(artery) > 0
    ]
    rows.append(
        (
            words.say("All"),
            str(len(score.lesions)),
            f"{score.agatston():.0f}",
            words.number(score.volume_mm3(), "mm3", 1),
            _mass(score.mass_mg(), words),
        )
    )
    notes = [
        words.say(
            "Category {category}. Threshold {threshold} HU, lesions of 1 mm² and more.",
            category=score.category,
            threshold=score.rule.threshold_hu,
        ),
        *faint_words(score, words),
        *([] if score.rule.calibration_mg_per_cm3_hu is None else [calibration_words(score, words)]),
        *(words.sentence(text) for text in score.rule.notes),
    ]
    blocks: list[Block] = [DataTable(columns, tuple(rows), compact=True), *(Paragraph(text, small=True) for text in notes)]
    if score.lesions:
        blocks += [Heading(words.say("Calcified lesions")), _calcified(score, words)]
        picture = None if pictures is None else pictures.get("calcium")
        if picture is not None:
            said = words.say("The heaviest calcified lesions in the calcium series, outlined where they reach the threshold.")
            blocks.append(Figure(picture, said, said, max_height_mm=92.0, least_share=0.8))
    return Section(title, tuple(blocks), keep_together=True)


def _calcified(score: CalciumScore, words: Words) -> DataTable:
    """Return what the score is made of, the heaviest first, with where each lies in the calcium series; small ones in one row."""
    columns = (
        Column(words.say("Artery"), 1.2),
        Column(words.say("Agatston score"), 1.4, "right"),
        Column(words.say("Volume (mm³)"), 1.4, "right"),
        Column(words.say("Brightest (HU)"), 1.4, "right"),
        Column(words.say("Slices"), 1.0, "right"),
        Column(words.say("Centre, LPS (mm)"), 2.4, "right"),
    )
    ordered = sorted(score.lesions, key=lambda one: -one.agatston)
    shown, rest = ordered[:_CALCIFIED_SHOWN], ordered[_CALCIFIED_SHOWN:]
    rows = [
        (
            one.artery.value,
            f"{one.agatston:.0f}",
            words.number(one.volume_mm3, "mm3", 1),
            f"{one.peak_hu:.0f}",
            str(one.slices),
            words.say(", ").join(words.number(value, "mm", 1) for value in one.centre_lps_mm),
        )
        for one in shown
    ]
    if rest:
        volume = words.number(sum(one.volume_mm3 for one in rest), "mm3", 1)
        more = words.say("{count} more", count=len(rest))
        rows.append((more, f"{sum(one.agatston for one in rest):.0f}", volume, "–", "–", "–"))
    return DataTable(columns, tuple(rows), compact=True)


def faint_words(score: CalciumScore, words: Words) -> tuple[str, ...]:
    """Return that the score may be made by noise, where it may."""
    faint = faint_calcium(score)
    return () if faint is None else (faint.say().say(words.code),)


def calibration_words(score: CalciumScore, words: Words) -> str:
    """Return by which factor the mass was computed, and where that comes from."""
    return words.say(
        "Mass: calibration factor {factor} mg/cm³ per HU, {source}, times mean HU and volume of each lesion.",
        factor=f"{score.rule.calibration_mg_per_cm3_hu:g}",
        source=words.say(score.rule.calibration_source or "not stated"),
    )


def _mass(value: float | None, words: Words) -> str:
    return "–" if value is None else words.number(value, "mg", 1)
