"""The catalogue is complete, its compiled form is current, and sentences with values are understood."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

import pytest

from LungAirwayLib.report_pages.words import MEASUREMENT_NAMES, Words
from SenseCarePlanningLib.i18n import WORD_PLACEHOLDERS, Translator, locale_path, translator

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = locale_path() / "zh" / "LC_MESSAGES" / "sensecare.po"
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def read_po(path: Path) -> dict[str, str]:
    """Read a catalogue as gettext keys it: a context stands before the id, parted by EOT."""
    entries: dict[str, str] = {}
    fields: dict[str, str] = {}
    current = ""
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        match = re.match(r'(?:(msgctxt|msgid|msgstr) )?(".*")$', line)
        if match:
            current = match[1] or current
            fields[current] = ("" if match[1] else fields[current]) + ast.literal_eval(match[2])
        elif not line and "msgid" in fields:
            context = f"{fields['msgctxt']}\x04" if "msgctxt" in fields else ""
            entries[context + fields["msgid"]] = fields["msgstr"]
            fields = {}
    return entries


def used_messages() -> dict[str, str]:
    """Return every literal handed to the translator in the program's code, and where."""
    found: dict[str, str] = {}
    for folder in ("SenseCarePlanning", "LungAirway", "CardiacCTA"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                first = node.args[0]
                if name == "translate" and len(node.args) == 2:  # Slicer's: a context, then the text
                    first = node.args[1]
                if name in ("say", "label_of", "translate") and isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found[first.value] = path.name
    return found


def test_the_compiled_catalogue_is_the_source() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as stream:
        compiled = gettext.GNUTranslations(stream)._catalog
    source = read_po(CATALOGUE)
    assert len(source) > 300
    assert {key: value for key, value in compiled.items() if key} == {key: value for key, value in source.items() if key}


def test_no_message_of_the_code_is_missing_in_chinese() -> None:
    known = read_po(CATALOGUE)
    used = used_messages()
    assert len(used) > 200
    assert {message: place for message, place in used.items() if message not in known} == {}
    assert [name for name in MEASUREMENT_NAMES.values() if name not in known] == []


def test_every_step_of_a_run_has_a_chinese_name() -> None:
    steps = set()
    for folder in ("SenseCarePlanning", "LungAirway", "CardiacCTA"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            steps |= set(re.findall(r'progress\.step\("([^"]+)"\)', path.read_text(encoding="utf-8")))
    words = Words.of("zh")
    assert len(steps) > 8
    assert [step for step in sorted(steps) if words.sentence(step) == step] == []


def test_translations_keep_their_placeholders_and_are_not_empty() -> None:
    for message, translation in read_po(CATALOGUE).items():
        if message:
            assert translation.strip(), message
            assert set(PLACEHOLDER.findall(message)) == set(PLACEHOLDER.findall(translation)), message


def test_english_is_the_message_itself() -> None:
    assert translator("en")("Bronchoscopy plan") == "Bronchoscopy plan"
    assert translator("en").sentence("follows RB3b, 18 degrees off axis, 9 mm gap").startswith("follows RB3b")


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="'fr'"):
        translator("fr")


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("follows RB3b, 18 degrees off axis, 9 mm gap", "沿RB3b前行，偏轴 18°，间距 9 mm"),
        ("RB4 lies in RML, the target in RUL.", "RB4位于右肺中叶，而靶病灶位于右肺上叶。"),
        (
            "stops before branch 36, 2.9 mm (2.6 to 3.1); 35 mm from the target's surface",
            "止于分支 36之前，其管径 2.9 mm（2.6 至 3.1）；距靶病灶表面 35 mm",
        ),
        (
            "The airway tree is incomplete - peripheral routes are unreliable: 97 branches found, at least 150 expected; "
            "no named branch supplies the right upper lobe, left lower lobe.",
            "气道树不完整，外周路径不可靠：检出 97 个分支，预期至少 150 个；无命名分支进入右肺上叶，左肺下叶。",
        ),
        ("a sentence that nobody foresaw (to 3 mm)", "a sentence that nobody foresaw (to 3 mm)"),
        ("", ""),
    ],
)
def test_sentences_with_values_are_translated_whole_or_left_alone(english: str, chinese: str) -> None:
    assert Words.of("zh").sentence(english) == chinese


def test_a_number_placeholder_does_not_swallow_words() -> None:
    sentences = {"{size} mm wide": "宽 {size} mm"}
    pattern = re.compile(r"(?P<size>[-−+]?\d[\d.,]*(?: ?%)?)\ mm\ wide")
    words = Translator("zh", {}, sentences, ((pattern, "宽 {size} mm"),))
    assert words.sentence("3.5 mm wide") == "宽 3.5 mm"
    assert words.sentence("about a mm wide") == "about a mm wide"
    assert "size" not in WORD_PLACEHOLDERS
