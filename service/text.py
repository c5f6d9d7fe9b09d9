"""Text as the model reads it: one normal form for training and for serving (pure)."""

import re
import unicodedata

# A joiner inside an emoji carries meaning (families, professions); anywhere else it is noise.
_INVISIBLE = re.compile(
    "[\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
    "|(?<![\u2600-\u27bf\U0001f000-\U0001faff\ufe0f])\u200d"
)
_NIQQUD = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")
_ARABIC_MARKS = re.compile("[\u0640\u064b-\u0652\u0670]")
_URL = re.compile(r"(?:https?://|www\.)\S+")
_MENTION = re.compile(r"(?<![\w@])@\w[\w.]*")
_REPEAT = re.compile(r"(.)\1{3,}", re.DOTALL)
_SPACE = re.compile(r"\s+")


def normalise(text):
    """The text without what writing tools add: NFKC, no direction marks, niqqud or tatweel, repeats of at most three,
    links as "http" and mentions as "@user" (so the public sets write them), single spaces."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    text = _ARABIC_MARKS.sub("", _NIQQUD.sub("", text))
    text = _MENTION.sub("@user", _URL.sub("http", text))
    return _SPACE.sub(" ", _REPEAT.sub(r"\1\1\1", text)).strip()


def is_unicode(text):
    """Whether a text holds no half characters (lone surrogates), which no encoding can write."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def channel_prefix(channel):
    """What stands before a text: where it was written, or "query" where that is unknown (as e5 was taught)."""
    return f"{channel or 'query'}:"


def model_input(text, channel=""):
    """The whole of what the tokenizer gets for one text."""
    return f"{channel_prefix(channel)} {normalise(text)}"
