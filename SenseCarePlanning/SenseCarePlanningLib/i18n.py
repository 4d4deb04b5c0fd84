"""Texts in the reader's language, from the one gettext catalogue of the project.

The English text is the message id. Fixed texts are translated by calling the translator; sentences that an earlier step
wrote with numbers in them ("gap of 9 mm") are matched against the ids that hold ``{placeholders}``, so that a result keeps
one language and a report has the reader's. Such sentences carry the message context ``sentence`` in the catalogue, and
their placeholders match a number unless the name is one of :data:`WORD_PLACEHOLDERS`.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

DOMAIN = "sensecare"
LANGUAGES = ("en", "zh")
LANGUAGE_TAGS: Mapping[str, str] = {"en": "en", "zh": "zh-Hans"}
"""BCP 47 tags for documents."""

WORD_PLACEHOLDERS = frozenset({"name", "code", "part", "lobe", "other", "lobes", "reason", "reasons", "what", "edge"})
"""Placeholders of a sentence that stand for words; all others stand for a number."""

_SENTENCE_CONTEXT = "sentence\x04"
_PART = "; "
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def locale_path() -> Path:
    """Return the folder of the catalogues (``<language>/LC_MESSAGES/sensecare.{po,mo}``)."""
    return Path(__file__).parent / "locale"


@dataclass(frozen=True, eq=False)
class Translator:
    """Translates message ids into one language; what the catalogue lacks stays English.

    Parameters
    ----------
    language
        ``en`` or ``zh``.
    """

    language: str
    _messages: Mapping[str, str] = field(default_factory=dict)
    _sentences: Mapping[str, str] = field(default_factory=dict)
    _patterns: tuple[tuple[re.Pattern[str], str], ...] = ()

    def __call__(self, message: str) -> str:
        """Return the translation of a message id."""
        return self._messages.get(message, message)

    def knows(self, message: str) -> bool:
        """Tell whether the language has this message id (English has all)."""
        return self.language == "en" or message in self._messages

    def sentence(self, text: str, name: Callable[[str], str] | None = None) -> str:
        """Translate a sentence that may hold values.

        Parameters
        ----------
        text
            The English sentence, with or without a capital; one that fits no id is tried part by part between semicolons, and
            stays as it is otherwise.
        name
            Turns a value caught by a placeholder (a bronchus code, say) into the reader's words; the catalogue by default.
        """
        for form in dict.fromkeys((text, text[:1].lower() + text[1:])):  # problems in a list begin with a capital
            known = self._whole(form, name or self)
            if known is not None:
                return known
        parts = text.split(_PART)
        return self(_PART).join(self.sentence(part, name) for part in parts) if len(parts) > 1 else text

    def _whole(self, text: str, value: Callable[[str], str]) -> str | None:
        """Return the translation of a sentence that fits an id as a whole, None of another."""
        known = self._sentences.get(text) or self._messages.get(text)
        if known is not None:
            return known
        for pattern, translation in self._patterns:
            match = pattern.fullmatch(text)
            if match is not None:
                return translation.format(**{key: value(found) for key, found in match.groupdict().items()})
        return None


def _pattern(message: str) -> re.Pattern[str]:
    """Turn ``"gap of {gap} mm"`` into a regular expression that finds the values."""
    parts: list[str] = []
    seen: set[str] = set()
    position = 0
    for found in _PLACEHOLDER.finditer(message):
        parts.append(re.escape(message[position : found.start()]))
        value = ".+?" if found[1] in WORD_PLACEHOLDERS else r"[-−+]?\d[\d.,]*(?: ?%)?"
        parts.append(f"(?P={found[1]})" if found[1] in seen else f"(?P<{found[1]}>{value})")
        seen.add(found[1])
        position = found.end()
    parts.append(re.escape(message[position:]))
    return re.compile("".join(parts), re.DOTALL)


def _literal_length(message: str) -> int:
    return len(_PLACEHOLDER.sub("", message))


@lru_cache(maxsize=len(LANGUAGES))
def translator(language: str) -> Translator:
    """Return the translator of a language.

    Raises
    ------
    ValueError
        For a language other than ``en`` and ``zh``.
    """
    if language not in LANGUAGES:
        raise ValueError(f"expected a language in {LANGUAGES}, got {language!r}")
    if language == "en":
        return Translator("en")
    with (locale_path() / language / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as stream:
        catalogue = gettext.GNUTranslations(stream)
    # GNUTranslations keeps its table in a private attribute, typed as Any: the ids are needed to build the patterns.
    table: Mapping[object, str] = getattr(catalogue, "_catalog")  # noqa: B009
    texts = {key: value for key, value in table.items() if isinstance(key, str) and key}
    messages = {key: value for key, value in texts.items() if "\x04" not in key}
    sentences = {key[len(_SENTENCE_CONTEXT) :]: value for key, value in texts.items() if key.startswith(_SENTENCE_CONTEXT)}
    with_values = sorted((key for key in sentences if _PLACEHOLDER.search(key)), key=_literal_length, reverse=True)
    return Translator(language, messages, sentences, tuple((_pattern(key), sentences[key]) for key in with_values))
