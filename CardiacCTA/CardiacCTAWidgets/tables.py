"""The panel's tables: vessels, lesions, calcium by artery, the reader's changes."""

from typing import Any

import qt

from CardiacCTALib.calcium_series import NOTE_MASS
from CardiacCTALib.report_pages.summary import grade_words, high_risk_words
from CardiacCTALib.segments import Artery
from SenseCarePlanningWidgets.table_cells import set_headers, text_cell
from SenseCarePlanningWidgets.texts import tr as _

ROOM_PX = 4
NAME = 256
"""Qt::UserRole: where a row keeps what it stands for."""


def fill_vessels(table: Any, session: Any) -> None:
    """Fill the vessels: name, length, worst stenosis with its interval, confidence of the names; or why it was not assessed."""
    words, result = session.words, session.result
    vessels = result.vessels if result is not None else ()
    blocked = table.blockSignals(True)
    table.clearContents()
    table.setRowCount(len(vessels))
    set_headers(
        table,
        (_("Vessel"), _("Length\n(mm)"), _("Worst stenosis\n(95 %)"), _("Name sure\n(%)")),
        (
            _("Name of the vessel; its segments when the mouse rests on it."),
            _("Length of the followed line from the start of the vessel to its tip, mm."),
            _("Greatest narrowing of the diameter in percent of the healthy diameter, with its 95 % interval."),
            _("Least confidence of the names of its segments, percent; below 80 % a name is doubtful."),
        ),
    )
    for row, one in enumerate(vessels):
        codes = words.say(", ").join(f"{part.code} ?" if part.assumed else part.code for part in one.vessel.stretches)
        name = text_cell(one.vessel.name, codes)
        name.setData(NAME, one.vessel.name)
        table.setItem(row, 0, name)
        table.setItem(row, 1, text_cell(words.number(one.vessel.length_mm, "mm", 0), right=True))
        text, tip = _worst(one, session)
        table.setItem(row, 2, text_cell(text, tip))
        sure = _confidence(result, one)
        table.setItem(row, 3, text_cell("–" if sure is None else f"{100 * sure:.0f}", right=True))
    table.blockSignals(blocked)


def _worst(one: Any, session: Any) -> tuple[str, str]:
    words = session.words
    missing = {finding.code: finding.not_assessable for finding in session.result.findings.segments if finding.not_assessable}
    blind = [f"{part.code}: {words.reason(missing[part.code])}" for part in one.vessel.stretches if part.code in missing]
    if one.measured is None:
        reason = words.reason(one.reason)
        return _("not assessed: {reason}").format(reason=reason), reason
    lesions = [lesion for lesion in one.lesions]
    if not lesions:
        text = _("none")
    else:
        worst = max(lesions, key=lambda lesion: lesion.narrowings[0].diameter_stenosis_percent.value)
        text = words.estimate(worst.narrowings[0].diameter_stenosis_percent, "%", by_reader=one.drawn_lesion(worst))
    if blind:
        codes = words.say(", ").join(part.code for part in one.vessel.stretches if part.code in missing)
        return _("{worst}; not assessed: {segments}").format(worst=text, segments=codes), "\n".join(blind)
    return text, text


def _confidence(result: Any, one: Any) -> Any:
    """Return the least confidence of a vessel's segments, each by the longest of its pieces; None without names."""
    if one.vessel.tree >= len(result.trees):
        return None
    tree = result.trees[one.vessel.tree]
    longest: dict[str, tuple[float, float]] = {}
    for branch in (tree[at] for at in one.vessel.branch_ids if at in tree.branches):
        if branch.label is not None:
            code = branch.label.code
            longest[code] = max(longest.get(code, (0.0, 0.0)), (branch.length_mm, branch.label.confidence))
    return min((confidence for _, confidence in longest.values()), default=None)


def fill_lesions(table: Any, session: Any) -> None:
    """Fill the lesions: stenosis with its interval, least lumen, grade, plaque."""
    words = session.words
    blocked = table.blockSignals(True)
    table.clearContents()
    table.setRowCount(len(session.rows))
    set_headers(
        table,
        (_("Lesion"), _("Stenosis\n(95 %)"), _("MLD\n(mm)"), _("MLA\n(mm²)"), _("Grade"), _("Plaque")),
        (
            _("Number of the lesion and its segment."),
            _("Narrowing of the diameter in percent of the healthy diameter, with its 95 % interval."),
            _("Minimal lumen diameter: of the circle that has the least lumen area, mm."),
            _("Minimal lumen area, mm²."),
            _("CAD-RADS category of this lesion alone; several where the interval leaves them possible, a reader's where given."),
            _("Kind of plaque, and signs of high-risk plaque."),
        ),
    )
    for at, row in enumerate(session.rows):
        name = text_cell(f"{row.name} {row.code}".strip())
        name.setData(NAME, row.number)
        table.setItem(at, 0, name)
        narrowing = row.lesion.narrowings[0].diameter_stenosis_percent
        table.setItem(at, 1, text_cell(words.estimate(narrowing, "%", by_reader=row.by_reader), _remarks(row, words)))
        table.setItem(at, 2, text_cell(words.number(row.lesion.mld_mm.value, "mm"), right=True))
        table.setItem(at, 3, text_cell(words.number(row.lesion.mla_mm2.value, "mm2"), right=True))
        table.setItem(at, 4, text_cell(*_grade(row, words)))
        kind = words.say(row.plaque.volumes.kind.value)
        signs = high_risk_text(row, words)
        table.setItem(at, 5, text_cell(f"{kind}\n{signs}" if signs else kind, "\n".join([kind, _signs_told(row, words)])))
    table.blockSignals(blocked)


def _grade(row: Any, words: Any) -> tuple[str, str]:
    """Return a lesion's grade, a reader's mark in a line of its own, and what is told of it: what was measured."""
    said = grade_words(row, words, with_mark=False)
    if not row.given:
        return said, ""
    measured = words.say(" or ").join(row.lesion.grades)
    return "\n".join([said, words.say("by the reader")]), _("As measured: {grades}").format(grades=measured)


def high_risk_text(row: Any, words: Any) -> str:
    """Return the signs of high-risk plaque in one line, those not certain said to be so; empty without."""
    return high_risk_words(row, words)


def _signs_told(row: Any, words: Any) -> str:
    told = []
    for one in row.plaque.features:
        answer = words.say(one.answer.value)
        told.append(f"{words.say(one.feature.value)}: {answer} – {words.sentence(one.evidence)}")
    return "\n".join(told)


def _remarks(row: Any, words: Any) -> str:
    return "\n".join(words.sentence(text) for text in row.remarks)


def lesion_text(row: Any, words: Any) -> str:
    """Return one lesion in a few lines: where it is, its grade, what is to be said of it."""
    place = words.with_unit(row.lesion.distance_mm, "mm", 0)
    length = words.with_unit(row.lesion.length_mm, "mm", 0)
    lines = [
        _("{segment}: {place} from the ostium, {length} long").format(
            segment=words.segment(row.code), place=place, length=length
        ),
        _remarks(row, words),
    ]
    return "\n".join(line for line in lines if line)


def fill_calcium(table: Any, session: Any) -> None:
    """Fill the calcium by artery: lesions, Agatston score, volume, mass; hidden without a score."""
    words = session.words
    score = session.result.calcium if session.result is not None else None
    table.clearContents()
    table.visible = score is not None
    if score is None:
        table.setRowCount(0)
        return
    set_headers(
        table,
        (_("Artery"), _("Lesions"), _("Agatston"), _("Volume\n(mm³)"), _("Mass\n(mg)")),
        (
            "",
            _("Calcified spots of 1 mm² and more."),
            _("Agatston score: area of each spot times a weight by its brightest voxel, summed over slices of 3 mm; no unit."),
            _("Volume of the voxels above the threshold, mm³."),
            _("Calibration factor times mean HU and volume of each spot, mg of hydroxyapatite."),
        ),
    )
    arteries = [one for one in (Artery.LM, Artery.LAD, Artery.LCX, Artery.RCA, Artery.RI) if _has(score, one)]
    rows = [(one.value, one) for one in arteries] + [(words.say("All"), None)]
    table.setRowCount(len(rows))
    for at, (name, artery) in enumerate(rows):
        count = sum(artery in (None, lesion.artery) for lesion in score.lesions)
        numbers = (str(count), f"{score.agatston(artery):.0f}", words.number(score.volume_mm3(artery), "mm3", 1))
        table.setItem(at, 0, text_cell(name))
        for column, text in enumerate(numbers, start=1):
            table.setItem(at, column, text_cell(text, right=True))
        table.setItem(at, 4, text_cell(*_mass(score.mass_mg(artery), words), right=True))


def _mass(mass_mg: Any, words: Any) -> tuple[str, str]:
    """Return a calcium mass and what is told of it: why there is none, where there is none."""
    if mass_mg is None:
        why = _("Give the factor under Known from elsewhere in step 1 and analyse again.")
        return "–", "\n".join([words.say(NOTE_MASS), why])
    text = words.number(mass_mg, "mg", 1)
    return text, text


def _has(score: Any, artery: Any) -> bool:
    return artery is not Artery.RI or score.agatston(artery) > 0


def fill_changes(table: Any, session: Any) -> None:
    """Fill the reader's changes, newest first; hidden without any."""
    words = session.words
    changes = session.result.changes if session.result is not None else ()
    blocked = table.blockSignals(True)
    table.clearContents()
    table.visible = bool(changes)
    table.setRowCount(len(changes))
    set_headers(table, (_("When"), _("Who"), _("What")))
    for at, one in enumerate(reversed(changes)):
        before, after = one.values(words.translate)
        what = f"{one.what(words.translate)}\n{before} → {after}"
        day, time = one.when[:10], one.when[11:16]
        for column, text in enumerate((f"{day}\n{time}", one.reader, what)):
            table.setItem(at, column, text_cell(text, one.remark or text))
    table.blockSignals(blocked)


def fit(table: Any, most: Any = 320, stretched: int = -1) -> None:
    """Give a table the width of its panel and the height of its rows: nothing is cut or empty; beyond ``most`` it scrolls.

    Parameters
    ----------
    stretched
        The column that takes what is left of the width, and wraps; the last by default.
    """
    if table.columnCount == 0:
        return
    header = table.horizontalHeader()
    header.setStretchLastSection(False)
    for column in range(table.columnCount):
        header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(stretched % table.columnCount, qt.QHeaderView.Stretch)
    table.resizeRowsToContents()
    for row in range(table.rowCount):  # letters of another font, as in Chinese or an arrow, are higher than Qt reckons
        table.setRowHeight(row, table.rowHeight(row) + ROOM_PX)
    height = sum(table.rowHeight(row) for row in range(table.rowCount)) + 2 * table.frameWidth
    if not header.isHidden():
        height += header.sizeHint.height()
    table.setFixedHeight(int(min(max(height + 2, 60), most)))


def select_row(table: Any, value: Any) -> None:
    """Select the row that stands for something, without telling anybody; none where no row does."""
    blocked = table.blockSignals(True)
    table.clearSelection()
    for row in range(table.rowCount):
        item = table.item(row, 0)
        if item and item.data(NAME) == value:
            table.selectRow(row)
    table.blockSignals(blocked)
