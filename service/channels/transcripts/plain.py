"""Plain text → what was said: lines "Agent: …", "לקוחה: …", with or without a time before them."""

import re
from collections import Counter

from service.channels.transcripts.said import MOST_LABEL, Parsed, Said, label_of, text_of
from service.channels.transcripts.speakers import role_of_label

_MARKS = "[\u200e\u200f\u202a-\u202e\u2066-\u2069]"
_CLOCK = re.compile(r"^[\[(]?(?:(\d{1,2}):)?(\d{1,2}):(\d{2})(?:[.,]\d{1,3})?[\])]?\s*[-–]?\s*(?=\S)")
_LABEL = re.compile(rf"^\[?([^\s:\[\]][^:\[\]\n]{{0,{MOST_LABEL - 1}}}?)\]?\s?[:：](?:\s+|$)")
_NUMBERED = re.compile(r"^(?:speaker|spk|דובר|דוברת|спикер|говорящий|متحدث)[ _-]?\w{1,3}$", re.IGNORECASE)
_MOST_WORDS = 5


def parse_text(text):
    """Parsed of plain lines: a line that names no speaker goes on with the last one's; what stands before the first name is left out.

    Names are taken for roles where they tell them: "Agent", "נציגה", "Customer", "לקוח".
    """
    lines = [_after_clock(line) for line in text.splitlines()]
    known, found = labels_in([line for _, line in lines]), []
    for start_s, line in lines:
        label, rest = split_label(line, known)
        if label is not None or not known:
            found.append((label, start_s, [rest]))
        elif found:
            found[-1][2].append(rest)
    return Parsed([Said(label, " ".join(parts), start_s) for label, start_s, parts in found])


def speakers_of(text):
    """The speakers' names of plain text, as parse_text takes them."""
    return labels_in([_after_clock(line)[1] for line in text.splitlines()])


def _after_clock(line):
    """(seconds or None, the line without the time before it)."""
    line = text_of(re.sub(_MARKS, "", line))
    found = _CLOCK.match(line)
    if not found:
        return None, line
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600.0 + minutes * 60 + seconds, line[found.end() :]


def labels_in(lines):
    """The speakers' names before lines: those that tell a role or number a speaker, those seen twice, or all if most lines have one."""
    lines = [line for line in map(text_of, lines) if line]
    seen = Counter(label for line in lines if (label := _label(line)))
    if 2 * sum(seen.values()) > len(lines) > 1:
        return set(seen)
    return {label for label, times in seen.items() if times > 1 or role_of_label(label) or _NUMBERED.match(label)}


def split_label(line, known):
    """(speaker or None, what was said) of a line, by the names that labels_in found."""
    line = text_of(re.sub(_MARKS, "", line))
    label = _label(line)
    if label is None or label not in known:
        return None, line
    return label, line[_LABEL.match(line).end() :]


def _label(line):
    found = _LABEL.match(line)
    if not found or len(found[1].split()) > _MOST_WORDS or not any(letter.isalpha() for letter in found[1]):
        return None
    return label_of(found[1])
