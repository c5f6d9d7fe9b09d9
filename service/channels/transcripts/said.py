"""What a transcript says, in the form that every source is parsed into; the lenient reading that they share, and joining (pure)."""

import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from service.channels.native import MAX_TURN_CHARACTERS
from service.errors import Invalid

# Recognisers cut at silences of half a second to two; who is put on hold waits longer than this.
LONGEST_PAUSE_S = 5
# A joined turn does not grow beyond this: the mood of a monologue is told by its parts.
LONGEST_JOINED = 1_000  # characters
MOST_SECONDS = 10_000_000
MOST_LABEL = 64  # characters of a speaker's name

# What a listener hums while the other speaks; "yes" is not among them: it may be an answer.
_HUMS = {
    "אה",
    "אהה",
    "אהה אהה",
    "אמ",
    "ממ",
    "מממ",
    "מהמ",
    "mhm",
    "mm",
    "mmhm",
    "uh huh",
    "uh-huh",
    "hmm",
    "угу",
    "ага",
    "امم",
    "اه",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Said:
    """One stretch of speech by one speaker; role where the transcript itself tells it, confidence in [0, 1] is the recogniser's.

    speaker is None where the transcript tells no speakers apart. Times are seconds from the conversation's beginning.
    """

    speaker: str | None
    text: str
    start_s: float | None = None
    end_s: float | None = None
    confidence: float | None = None
    role: str | None = None


@dataclass(frozen=True)
class Parsed:
    """All that one transcript tells: what was said, its own id, when it began and in which channel."""

    said: list[Said]
    id: str | None = None
    started_at: datetime | None = None
    channel: str = "call"


def fault(field, message):
    """An Invalid about one field."""
    return Invalid(f"{field}: {message}", [{"index": None, "field": field, "message": message}])


def text_of(value):
    """A text in one line without control characters and broken ones; "" of anything that is no text."""
    if not isinstance(value, str):
        return ""
    return _SPACE.sub(" ", _CONTROL.sub(" ", value)).strip()


def label_of(value):
    """A speaker's label as text, or None: sources name speakers by numbers, letters or names."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9:
        return str(value)
    return text_of(value)[:MOST_LABEL].strip() or None


def number_of(value):
    """A finite float of a JSON number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e18 or math.isnan(value):
        return None
    return float(value)


def seconds_of(value, scale=1.0):
    """Seconds of a number of so many seconds each (0.001: milliseconds); None where it is no possible time within a conversation."""
    found = number_of(value)
    if found is None or not 0 <= found * scale <= MOST_SECONDS:
        return None
    return found * scale


def share_of(value):
    """A confidence in [0, 1], or None."""
    found = number_of(value)
    return found if found is not None and 0 <= found <= 1 else None


def objects_of(value):
    """The objects among a JSON array's members; [] of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def at(value, *path):
    """What lies at a path of keys in nested JSON objects, or None."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def moment_of(value):
    """The aware UTC time of an ISO 8601 text with a zone, or of a number of milliseconds since 1970; or None."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo else None
        milliseconds = number_of(value)
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds and milliseconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def mean_confidence(parts):
    """The mean confidence of (text, confidence) parts, weighed by length; None where none is known."""
    known = [(len(text) or 1, confidence) for text, confidence in parts if confidence is not None]
    return sum(n * c for n, c in known) / sum(n for n, _ in known) if known else None


def grouped(words):
    """Said of words, each a Said of its own: successive words of one speaker together; a word without one is the last one's."""
    groups = []
    for word in words:
        if groups and word.speaker in (None, groups[-1][-1].speaker):
            groups[-1].append(replace(word, speaker=groups[-1][-1].speaker))
        else:
            groups.append([word])
    return [_merged(group) for group in groups]


def _merged(pieces):
    return replace(
        pieces[0],
        text=" ".join(piece.text for piece in pieces),
        end_s=pieces[-1].end_s,
        confidence=mean_confidence([(piece.text, piece.confidence) for piece in pieces]),
    )


def in_order(said):
    """The Said that hold words, by their beginnings where all have one; an end before its beginning is forgotten."""
    said = [replace(one, text=text_of(one.text)) for one in said]
    said = [one for one in said if any(letter.isalnum() for letter in one.text)]
    if any(len(one.text) > MAX_TURN_CHARACTERS for one in said):
        raise fault("transcript", f"one speaker's stretch is longer than {MAX_TURN_CHARACTERS:,} characters")
    said = [
        replace(one, end_s=None) if None not in (one.start_s, one.end_s) and one.end_s < one.start_s else one
        for one in said
    ]
    return said if any(one.start_s is None for one in said) else sorted(said, key=lambda one: one.start_s)


def joined(said):
    """Said with what a recogniser split put together again: successive stretches of one speaker, LONGEST_PAUSE_S apart at most.

    A hum of the listener inside another's unfinished sentence does not part it; it is told after it.
    """
    turns, hums = [], []
    for one in said:
        if turns and _goes_on(turns[-1], one):
            turns[-1] = _merged([turns[-1], one])
        elif turns and not hums and _is_hum(one) and turns[-1].text[-1] not in ".?!":
            hums.append(one)
        else:
            turns += [*hums, one]
            hums = []
    return turns + hums


def _goes_on(turn, one):
    pause = one.start_s - turn.end_s if None not in (one.start_s, turn.end_s) else 0
    return (
        (one.speaker, one.role) == (turn.speaker, turn.role)
        and pause <= LONGEST_PAUSE_S
        and len(turn.text) + len(one.text) < LONGEST_JOINED
    )


def _is_hum(one):
    return one.text.lower().strip(" .,!…") in _HUMS
