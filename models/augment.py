"""Noise as people and recognisers make it, put into our own turns while training; marks stay as they were."""

import re

SHARE = 0.15  # of the rows are touched in an epoch
# The Hebrew letters of a standard keyboard, and the Latin ones on the same keys.
HEBREW_KEYS = "קראטוןםפשדגכעיחלךףזסבהנמצתץ"
LATIN_KEYS = "ertyuiopasdfghjkl;zxcvbnm,."
TO_LATIN = str.maketrans(HEBREW_KEYS, LATIN_KEYS)
FEELING = {
    "negative": ["!!", "!!!", " 😡", " 😤", " 🙄", " 😞", "..."],
    "positive": ["!", "!!", " 😊", " ❤️", " 👍", " 🙏", " 🎉"],
}


def typo(text, rng):
    """One slip of the finger: two letters swapped, one dropped or one doubled, inside a word of four letters or more."""
    words = [match for match in re.finditer(r"\w{4,}", text) if not match.group().isdigit()]
    if not words:
        return text
    word = rng.choice(words)
    at = rng.randrange(word.start() + 1, word.end() - 1)
    kind = rng.randrange(3)
    middle = (text[at + 1] + text[at], text[at + 1], text[at] * 2 + text[at + 1])[kind]
    return text[:at] + middle + text[at + 2 :]


def augmented(row, rng):
    """The row, or for SHARE of the rows a copy with one kind of noise in its text."""
    if rng.random() >= SHARE:
        return row
    text, kind = row["text"], rng.randrange(9)
    if kind < 3:
        text = typo(text, rng)
    elif kind < 5:
        text = re.sub(r"[.,!?…\"'׳״-]+", "", text)
    elif kind < 7:
        text += rng.choice(FEELING.get(row["sentiment"], [".", "..."]))
    elif kind == 7:
        text = f"{text} {text}"
    elif row["lang"] == "he" and len(text) < 60:
        text = text.translate(TO_LATIN)
    return row | {"text": text} if text.strip() else row
