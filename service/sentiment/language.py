"""The language of a text: its script decides where it can, lingua (statistics over letters) where several share a script."""

import unicodedata
from collections import Counter
from functools import cache

from lingua import Language, LanguageDetectorBuilder

UNKNOWN = "und"
MOST_CHARACTERS = 1_000  # as many as it takes to be sure; a long text costs no more

_OF_SCRIPT = {
    "HEBREW": "he",
    "ETHIOPIC": "am",
    "GREEK": "el",
    "ARMENIAN": "hy",
    "GEORGIAN": "ka",
    "THAI": "th",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "zh",
    "TAMIL": "ta",
    "BENGALI": "bn",
}
_SHARED = {
    "LATIN": (
        Language.ENGLISH,
        Language.FRENCH,
        Language.SPANISH,
        Language.GERMAN,
        Language.ITALIAN,
        Language.PORTUGUESE,
        Language.ROMANIAN,
        Language.POLISH,
        Language.HUNGARIAN,
        Language.DUTCH,
        Language.TURKISH,
        Language.TAGALOG,
    ),
    "CYRILLIC": (Language.RUSSIAN, Language.UKRAINIAN, Language.BELARUSIAN, Language.BULGARIAN),
    "ARABIC": (Language.ARABIC, Language.PERSIAN, Language.URDU),
    "DEVANAGARI": (Language.HINDI, Language.MARATHI),
}
_MOST_LIKELY = {
    "LATIN": Language.ENGLISH,
    "CYRILLIC": Language.RUSSIAN,
    "ARABIC": Language.ARABIC,
    "DEVANAGARI": Language.HINDI,
}
# A rarer language must lead the script's most likely one by so much; in one or two words anything looks like anything.
MINIMUM_LEAD, SHORT_LEAD, SHORT_WORDS = 0.15, 0.5, 2


@cache
def _detector(script):
    return LanguageDetectorBuilder.from_languages(*_SHARED[script]).build()


def warm():
    """Load the statistics of all languages, which otherwise the first text of each script waits for (seconds)."""
    for sample in ("where is my order", "где мой заказ", "وين الطلب تبعي", "मेरा ऑर्डर कहाँ है"):
        detect(sample)


def detect(text):
    """ISO 639-1 code of the language most of the text's letters are in, "und" where it has no letters."""
    scripts = Counter(
        unicodedata.name(character, "?").split()[0] for character in text[:MOST_CHARACTERS] if character.isalpha()
    )
    if not scripts:
        return UNKNOWN
    # One Hebrew word outweighs a Latin brand name: Latin words come into every language, Hebrew ones into few.
    script = "HEBREW" if 3 * scripts["HEBREW"] >= scripts.total() else scripts.most_common(1)[0][0]
    if script in _OF_SCRIPT:
        return _OF_SCRIPT[script]
    if script not in _SHARED:
        return UNKNOWN
    likely = _MOST_LIKELY[script]
    ranked = _detector(script).compute_language_confidence_values(text[:MOST_CHARACTERS])
    first = ranked[0]
    if first.language != likely:
        expected = next(one.value for one in ranked if one.language == likely)
        if first.value - expected < (SHORT_LEAD if len(text.split()) <= SHORT_WORDS else MINIMUM_LEAD):
            return likely.iso_code_639_1.name.lower()
    return first.language.iso_code_639_1.name.lower()
