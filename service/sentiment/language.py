"""The language of a text: the script of the words that carry the sentence decides where it can, lingua (statistics over letters)
with the small words of each language where several share a script.

Hebrew in Latin letters ("toda raba") is Hebrew. Text is best cleaned before: links, mentions and tags are no language.
"""

import re
import unicodedata
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
_WORD = re.compile(r"[^\W\d_]+")
# The words that hold sentences together, shortened ones of chats among them: names and loanwords come into every language, these don't.
_SMALL = {
    language: frozenset(words.split())
    for language, words in {
        "he": "אני אתה את אתם הוא היא הם אנחנו זה זו זאת של שלי שלך שלכם על עם אל לא כן יש אין מה מי למה איך כמה "
        "מתי איפה כי אם או גם רק עוד כבר לי לך לכם לנו לו לה בלי כל אבל ולא עדיין ועדיין היה הייתה עד מן אז "
        "פה כאן שלא ש ה ל ב מ ו כ",
        "en": "the a an is are was were be been am i my me you your u ur we our it its this that these they of to "
        "in on for with from at by and or but not no don can can't will would could should do does did have "
        "has had how what when where why who there here so just still than then as if up out im ive dont "
        "doesn doesnt isn wont any",
        "fr": "le la les un une des du de et est sont je tu il elle on nous vous ils ne pas plus mon ma mes votre "
        "vos ce cette ça sa ca c j l d n qu que qui pour dans sur avec sans en au aux mais ou où jai cest "
        "suis ai avez été très rien toujours quand comment pourquoi svp",
        "es": "el la los las un una de del y es son está estan están yo me mi mis tu su sus no que qué en por "
        "para con sin se le lo les ya al pero o como cómo cuando cuándo donde dónde más muy nada este esta "
        "eso hay he ha han xq pq q sigo tengo quiero nos",
        "de": "der die das den dem des ein eine einen und ist sind war ich du er sie es wir ihr mein meine mir "
        "mich nicht kein keine mit von zu im in am auf für aus bei nach noch schon aber oder wie was wann "
        "wo warum wird werden haben habe hat sehr immer bitte seit",
        "it": "il lo la i gli le un una di del della e è sono io mi mio mia non che in per con da dal al ma o "
        "come quando dove perché più molto questo questa ho ha ancora ci si vi nel",
        "pt": "o a os as um uma de do da dos das e é são eu me meu minha não nao que em no na nos nas por para "
        "com sem mas ou como quando onde mais muito isso esse essa está vocês vcs vc já ainda foi tem pq",
        "ro": "și si nu este e sunt eu mi un o la de din pe cu pentru ce unde când cum mai am ai are că în mea meu",
        "pl": "nie jest są to w z na do i się mi mój moja jak kiedy gdzie co czy ale już od za dla po",
        "hu": "a az nem van és hogy hol mikor mi ez egy még már de meg csomagom",
        "nl": "de het een en is zijn ik je mijn niet geen van op met voor te in nog al maar waar wanneer hoe wat "
        "dit dat wordt",
        "tr": "bir ve bu ne değil mi çok için ile ama nerede zaman benim hala yok var",
        "tl": "ang ng na sa po ko ako mo ba hindi wala pa yung niyo nyo kayo ninyo kung nasaan kailan bakit paano "
        "naman lang",
    }.items()
}
# Hebrew written in Latin letters; words that another language has, too, are told by what stands beside them.
_LATIN_HEBREW = frozenset(
    _WORD.findall(
        "ani ata at atem hu hi hem anachnu anahnu ze zot shel sheli shelcha shelachem al im lo ken yesh ein en ma "
        "mi lama eich kama matai eifo efo ki gam rak od kvar li lecha lach lachem lanu bli kol aval adayin ad az "
        "po kan toda raba shalom bevakasha todah rotze rotza tzarich tzricha efshar et ha ole oved ovedet haya "
        "mehake mechake hazmana yom achshav slicha sababa beseder yalla mehaboker"
    )
)
SMALL_WORD = 0.25  # of lingua's confidence
LATIN_HEBREW_WORDS, LATIN_HEBREW_SHARE = 2, 0.4  # at least so many, of all words at least so large a part
LOANWORD = (
    0.4  # of a word: a Latin one that is no small word counts as so much of a sentence in which other scripts are
)

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
    """ISO 639-1 code of the language that carries the text, "und" where it has no letters."""
    words = _WORD.findall(text[:MOST_CHARACTERS].lower())
    by_script = {}
    for word in words:
        by_script.setdefault(unicodedata.name(word[0], "?").split()[0], []).append(word)
    if not by_script:
        return UNKNOWN
    script = (
        max(by_script, key=lambda name: _weight(name, by_script[name], words))
        if len(by_script) > 1
        else next(iter(by_script))
    )
    if script in _OF_SCRIPT:
        return _OF_SCRIPT[script]
    if script not in _SHARED:
        return UNKNOWN
    return _of_shared(script, by_script[script])


def _weight(script, words, all_words):
    """How much of the sentence a script carries: its words, small ones twice, and once more those at the sentence's ends."""
    ends = sum(end in words for end in (all_words[0], all_words[-1]))
    if script == "LATIN":
        small = sum(any(word in several for several in _SMALL.values()) for word in words)
        return 2 * small + LOANWORD * (len(words) - small + ends)
    return len(words) + sum(word in _SMALL["he"] for word in words) + ends


def _of_shared(script, words):
    likely = _MOST_LIKELY[script].iso_code_639_1.name.lower()
    scores = {
        one.language.iso_code_639_1.name.lower(): one.value
        for one in _detector(script).compute_language_confidence_values(" ".join(words))
    }
    if script == "LATIN":
        small = {language: sum(word in _SMALL[language] for word in words) for language in scores}
        hebrew = sum(word in _LATIN_HEBREW for word in words)
        if (
            hebrew >= max(LATIN_HEBREW_WORDS, LATIN_HEBREW_SHARE * len(words), max(small.values()) + 1)
            and len(_LATIN_HEBREW.intersection(words)) >= LATIN_HEBREW_WORDS
        ):
            return "he"
        scores = {language: score + SMALL_WORD * small[language] for language, score in scores.items()}
    first = max(scores, key=scores.get)
    lead = SHORT_LEAD if len(words) <= SHORT_WORDS else MINIMUM_LEAD
    return first if scores[first] - scores[likely] >= lead else likely
