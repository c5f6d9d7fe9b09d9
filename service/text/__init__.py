"""Text as the model reads it: one normal form for training and for serving (pure)."""

import re
import unicodedata

from service.text.layout import retype
from service.text.letters import cost
from service.text.mail import said
from service.text.markup import show
from service.text.mojibake import redecode

MOST_PASSES = 6  # until nothing changes: what one step leaves may be another's, as in HTML escaped twice

# A joiner inside an emoji carries meaning (families, professions); anywhere else it is noise.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
    "|(?<![\u2600-\u27bf\U0001f000-\U0001faff\ufe0f])\u200d"
)
_NIQQUD = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")
_ARABIC_MARKS = re.compile("[\u0640\u064b-\u0652\u0670]")
# Phones and word processors write Hebrew's two signs of shortening in many ways; most of our texts have the ASCII ones.
_GERSHAYIM = re.compile("(?<=[א-ת])(?:[״“”„‟″]|['׳’‘′´]{2})(?=[א-ת])")
_GERESH = re.compile("(?<=[א-ת])(?:[׳′´`]|[’‘](?=[א-ת]))")
_URL = re.compile(
    r"(?:https?://|www\.)\S+|(?<![\w@./-])(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,10}/[\w/?#=&%.~+-]+", re.IGNORECASE
)
_MENTION = re.compile(r"(?<![\w@])@\w[\w.]*")
_LAUGHTER = re.compile(r"([^\W\d_])(?!\1)([^\W\d_])(?:\1\2){2,}\1?", re.IGNORECASE)
_LAUGHS = 6  # letters kept: hahaha, хахаха
_REPEAT = re.compile(r"(.)\1{3,}", re.DOTALL)
_BEGINNING = 300
_SPACE = re.compile(r"\s+")

_FINALS = dict(zip("כמנפצ", "ךםןףץ"))
_ORDINARY = {final: letter for letter, final in _FINALS.items()}
# Loanwords rightly end in פ (קליפ, סקייפ); short words in these letters are mostly shortenings without their sign (מעמ, סמ), as are
# the endings left out; before a dash, dots or a quotation mark a word may be cut off or shortened.
_UNFINISHED = re.compile(
    "(?<![א-ת'\"])([א-ת]{3,30}(?<!מע)(?<!בע)(?<!סה)(?<!תנ)(?<!יח)(?<!מ))([כמנצ])(?![\\w'\"׳״…-]|\\.\\.)"
)
_MID_FINAL = re.compile(
    "(?<![א-ת'\"])([אבגדהוזחטיכלמנסעפצקרשת]{1,20})([ךםןףץ])([אבגדהוזחטיכלמנסעפצקרשת]{1,20})(?![א-ת'\"])"
)

_HALF = re.compile("[\ud800-\udfff]")
_LETTER = re.compile("[א-תa-zA-Zа-яА-Яء-غف-ي0-9]")
_MARKUP = re.compile("[<>&]")


def normalise(text):
    """The text without what writing tools add: one decoding, no HTML, NFKC, no direction marks, niqqud or tatweel, repeats of at most
    three, links as "http" and mentions as "@user" (so the public sets write them), Hebrew's final letters and signs of
    shortening in one form, typed back from the wrong keyboard layout, single spaces."""
    for _ in range(MOST_PASSES):
        before, text = text, _tidy(text)
        if text == before:
            break
    return text


def _tidy(text):
    text = show(redecode(text))
    text = _GERESH.sub("'", _GERSHAYIM.sub('"', text))
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    text = _ARABIC_MARKS.sub("", _NIQQUD.sub("", text))
    text = _MENTION.sub("@user", _URL.sub("http", text))
    text = _LAUGHTER.sub(lambda laughter: laughter[0][:_LAUGHS], text)
    text = retype(_SPACE.sub(" ", _REPEAT.sub(r"\1\1\1", text)).strip())
    return _MID_FINAL.sub(_ordinary, _UNFINISHED.sub(lambda word: word[1] + _FINALS[word[2]], text))


def _ordinary(word):
    """A word with its final letter in the middle as the ordinary one, unless it looks more like two words run together."""
    before, final, after = word.groups()
    joined = before + _ORDINARY[final] + after
    return joined if cost(joined, "he") < cost(before + final, "he") + cost(after, "he") else word[0]


def is_visible(text):
    """Whether anything is left of a text in its normal form. Its beginning tells it at once, mostly: a letter that is no part of HTML."""
    beginning = text[:_BEGINNING]
    if _LETTER.search(beginning) and not _MARKUP.search(beginning):
        return True
    return bool(normalise(beginning) or normalise(text))


def is_unicode(text):
    """Whether a text holds no half characters (lone surrogates), which no encoding can write."""
    return _HALF.search(text) is None


def channel_prefix(channel):
    """What stands before a text: where it was written, or "query" where that is unknown (as e5 was taught)."""
    return f"{channel or 'query'}:"


def cleaned(text, channel=""):
    """What the model reads of a text: its normal form, of a mail without quoted mails and signature."""
    return normalise(said(show(redecode(text))) if channel == "email" else text)


def model_input(text, channel=""):
    """The whole of what the tokenizer gets for one text."""
    return f"{channel_prefix(channel)} {cleaned(text, channel)}"
