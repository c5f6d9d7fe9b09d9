"""Plain text → what was said: lines "Agent: …", "לקוחה: …", with or without a time before them."""

import re
from collections import Counter

from service.channels.transcripts.said import MOST_LABEL, Parsed, Said, label_of, text_of
from service.channels.transcripts.speakers import role_of_label

_MARKS = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]|\*\*")  # of direction, and of bold names
_CLOCK = re.compile(r"^[\[(]?(?:(\d{1,2}):)?(\d{1,2}):(\d{2})(?:[.,]\d{1,3})?[\])]?\s*[-–]?\s*(?=\S)")
_LABEL = re.compile(rf"^\[?([^\s:\[\]][^:\[\]\n]{{0,{MOST_LABEL - 1}}}?)\]?\s?[:：](?:\s+|$)")
_NUMBERED = re.compile(r"^(?:speaker|spk|דובר|דוברת|спикер|говорящий|متحدث)[ _-]?\w{1,3}$", re.IGNORECASE)
_MOST_WORDS = 5


def parse_text(text):
    """Parsed of plain lines: a line that names no speaker goes on with the last one's; what stands before the first name is left out.

    Names are taken for roles where they tell them: "Agent", "נציגה", "Customer", "לקוח".
    """
    lines = [_after_clock(line) for line in text.splitlines()]
    told, found = split_labels([line for _, line in lines]), []
    some = any(label for label, _ in told)
    for (start_s, _), (label, rest) in zip(lines, told):
        if label is not None or not some:
            found.append((label, start_s, [rest]))
        elif found:
            found[-1][2].append(rest)
    return Parsed([Said(label, " ".join(parts), start_s) for label, start_s, parts in found])


def _after_clock(line):
    """(seconds or None, the line without the time before it)."""
    line = text_of(line)
    found = _CLOCK.match(line)
    if not found:
        return None, line
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600.0 + minutes * 60 + seconds, line[found.end() :]


def split_labels(lines):
    """[(speaker or None, what was said)] of lines, of which some begin with "Name: ".

    Names are those that tell a role or number a speaker, those seen twice, or all if most lines have one: a colon may stand in
    any sentence.
    """
    lines = [text_of(_MARKS.sub("", line)) for line in lines]
    split = [_split(line) for line in lines]
    seen = Counter(label for label, _ in split if label)
    known = set(seen)
    if 2 * seen.total() <= sum(map(bool, lines)):
        known = {one for one, times in seen.items() if times > 1 or role_of_label(one) or _NUMBERED.match(one)}
    return [(label, rest) if label in known else (None, line) for line, (label, rest) in zip(lines, split)]


def _split(line):
    found = _LABEL.match(line)
    if not found or len(found[1].split()) > _MOST_WORDS or not any(letter.isalpha() for letter in found[1]):
        return None, line
    return label_of(found[1]), line[found.end() :]
