"""Words typed in another keyboard layout than was meant, typed back: "akuo" is שלום, "יקךךם" is hello (pure)."""

import re
from functools import lru_cache
from itertools import pairwise

from service.text.letters import ALPHABETS, cost, fold

# What the same keys write in each layout: the US one, Israel's SI 1452, Russia's.
_KEYS = {
    "la": "`qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "he": ";/'קראטוןםפ][שדגכעיחלךף,זסבהנמצתץ.",
    "ru": "ёйцукенгшщзхъфывапролджэячсмитьбю.",
}
_MEANT = {"la": ("he", "ru"), "he": ("la",), "ru": ("la",)}
_RETYPED = {
    (typed, meant): str.maketrans(_KEYS[typed], _KEYS[meant]) for typed, several in _MEANT.items() for meant in several
}
_LETTERS = {language: re.compile(f"[{alphabet}]+") for language, alphabet in ALPHABETS.items()}
_KEYED = {typed: re.compile(f'[{re.escape(keys)}"-]+') for typed, keys in _KEYS.items()}
_BEFORE, _AFTER = '("', '?!)"…:'  # written by the same keys in all layouts
_SPACES = re.compile(r"(\s+)")
# English in the Hebrew layout puts ן, ם and ך (its i, o and l) where Hebrew never has them: inside words and alone.
_SIGNS_OF = {
    "he": re.compile("[ךםןףץ][א-ת]|(?<![א-ת'\"])[ךםןףץ](?![א-ת])"),
    "la": re.compile("[A-Za-z]{2}"),
    "ru": re.compile("[А-Яа-яё]{2}"),
}

LINK = "http"  # what service.text makes of links
LEAST_GAIN = 7.0  # nats by which what was meant must be likelier than what stands there
MOST_COST = (
    3.2,
    3.5,
    4.0,
)  # nats a letter, in one word, two, more: what was meant must look like its language on its own
LEAST_LETTERS = 4  # "tbh" is also an abbreviation
CACHED_WORDS = 10_000  # most of what people write is a few thousand words
WORDS_OF_A_RUN = 3  # fewer are only retyped where nothing else was written


def retype(text):
    """The text with every run of words that was typed in the wrong layout as it was meant; single spaces, no links expected.

    A run is judged as a whole, by how likely its letters are as they stand and as the same keys write them in another layout.
    """
    for typed, signs in _SIGNS_OF.items():
        if signs.search(text):
            text = _retype(text, typed)
    return text


def _retype(text, typed):
    tokens = _SPACES.split(text)
    kinds = [_kind(token, typed) for token in tokens]
    alone = "other" not in kinds
    run = []
    for at, kind in enumerate([*kinds, "other"]):
        if kind == "word":
            run.append(at)
        elif kind == "other":
            meant = _meant([_core(tokens[at]) for at in run], typed, alone)
            for at in run if meant else ():
                core = _core(tokens[at])
                tokens[at] = tokens[at].replace(core, _reading(core, typed, meant)[0], 1)
            run = []
    return "".join(tokens)


def _core(token):
    return token.lstrip(_BEFORE).rstrip(_AFTER)


def _kind(token, typed):
    """ "word": the layout may have written it; "other": words of another language; "none": no evidence (numbers, codes,
    names), left as it is in the middle of a run."""
    core = _core(token)
    small = core[:1].lower() + core[1:]
    if small != LINK and _KEYED[typed].fullmatch(small):
        return "word"
    foreign = any(letter.isalpha() and letter.lower() not in _KEYS[typed] for letter in core)
    return "other" if foreign else "none"


def _meant(words, typed, alone):
    """The layout that a run of words was meant in, None where it stands as it was meant."""
    if not words or (len(words) < WORDS_OF_A_RUN and not alone) or (len(words) == 1 and words[0] != words[0].lower()):
        return None
    words = [word for word in words if len(set(word.lower())) > 2 or len(word) < 4]  # laughter tells of no layout
    stands = sum(_price(word, typed)[0] for word in words)
    for meant in _MEANT[typed]:
        prices = [_reading(word, typed, meant)[1:] for word in words]
        nats, letters = sum(price for price, _ in prices), sum(count for _, count in prices)
        most = MOST_COST[min(len(words), len(MOST_COST)) - 1]
        if letters >= LEAST_LETTERS * (1 if alone else 2) and stands - nats >= LEAST_GAIN and nats <= most * letters:
            return meant
    return None


@lru_cache(CACHED_WORDS)
def _reading(word, typed, meant):
    """(the word as the layout meant writes it, nats, letters). A comma or full stop at its end may have been meant as one."""
    typed_back = word.lower().translate(_RETYPED[typed, meant])
    readings = [(typed_back, *_price(typed_back, meant))]
    if word[-1] in ",." and len(word) > 1:
        nats, letters = _price(typed_back[:-1] + word[-1], meant)
        readings.append((typed_back[:-1] + word[-1], nats + 3.0, letters))
    return min(readings, key=lambda reading: reading[1])


@lru_cache(CACHED_WORDS)
def _price(core, language):
    """(nats, letters) of a word with the signs that the keys put into it: signs before letters and between them are rare."""
    core = fold(core)
    pieces = list(_LETTERS[language].finditer(core))
    if not pieces:
        return 2.0 * len(core), 0
    nats = sum(cost(piece.group(), language) for piece in pieces)
    nats += 5.0 * pieces[0].start() + 2.0 * (len(core) - pieces[-1].end())
    for before, after in pairwise(pieces):
        sign = core[before.end() : after.start()]
        usual = sign in ("-", '"') or (sign == "'" and (language == "la" or core[before.end() - 1] in "גזצץתטדח"))
        nats += 1.0 if usual else 6.0 * len(sign)
    return nats, sum(len(piece.group()) for piece in pieces)
