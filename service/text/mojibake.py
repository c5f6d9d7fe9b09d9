"""Text that was decoded with the wrong character set, decoded again: "×©×œ×•×" and "ùìåí" are both שלום (pure)."""

import re

from ftfy import fix_encoding

from service.text.letters import cost, fold

_SUSPECT = re.compile("[\u0080-\u009f\u00a1-\u00ff]")
_HEBREW = re.compile("[א-ת]")
# The second half of these two letters has no sign in windows-1252 and is lost on the way: ם ends words, א mostly begins them.
_HALF_MEM, _HALF_ALEF = re.compile(r"(?<=[א-ת])×(?!\w)"), re.compile(r"×(?=[א-ת])")
# Where a one-byte set of another script has its letters, read as windows-1252: (language, first there, meant first, words).
_ONE_BYTE = (
    ("he", 0xE0, ord("א"), re.compile(r"(?<![^\W\d_])[à-ú]+(?![^\W\d_])")),
    ("ru", 0xC0, ord("А"), re.compile(r"(?<![^\W\d_])[À-ÿ]+(?![^\W\d_])")),
)
LEAST_LETTERS = 4
MOST_COST = 3.6  # nats a letter: à and où are words, too


def redecode(text):
    """The text as it was written, where UTF-8 was read as a one-byte set (ftfy tells, double misreadings too) or windows-1255 or
    windows-1251 as windows-1252 (most of the letters must be such, and be likely Hebrew or Russian)."""
    if not _SUSPECT.search(text):
        return text
    fixed = fix_encoding(text)
    if fixed != text and _HEBREW.search(fixed):
        fixed = _HALF_ALEF.sub("א", _HALF_MEM.sub("ם", fixed))
    return _other_byte(fixed)


def _other_byte(text):
    most = sum(letter.isalpha() or letter == "÷" for letter in text) / 2
    best = None
    for language, there, meant, words in _ONE_BYTE:
        table = {there + number: meant + number for number in range(64 if language == "ru" else 27)}
        found = [word.translate(table) for word in words.findall(text)]
        letters = sum(map(len, found))
        if letters < LEAST_LETTERS or letters < most or max(map(len, found)) < 3:
            continue
        price = sum(cost(fold(word), language) for word in found) / letters
        if price <= MOST_COST and (best is None or price < best[0]):
            best = price, words.sub(lambda word, table=table: word.group().translate(table), text)
    return best[1] if best else text
