"""Captions → what was said: WebVTT and SubRip.

Parsed here and not by a library: webvtt-py tells one voice of a cue, refuses a file for one bad line and keeps no text beside a
second voice; pysubs2 and srt know no voices.
"""

import html
import re

from service.channels.transcripts.plain import split_labels
from service.channels.transcripts.said import MOST_SECONDS, Parsed, Said, label_of, text_of

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_VOICE = re.compile(r"<v(?:\.[^\s>]{0,200})?(?:[ \t]+([^>]{0,200}))?>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>|</?\d[\d:.]*>|\{\\[^}]{0,200}\}", re.IGNORECASE)
_DIGITS = re.compile(r"^\s*\d+\s*$")


def parse_webvtt(text):
    """Parsed of WebVTT: cues with their <v voices>, or with "Name: " before the text; NOTE, STYLE and REGION blocks are passed over.

    Format: https://www.w3.org/TR/webvtt1/
    """
    return _parse(text, False)


def parse_srt(text):
    """Parsed of SubRip: numbered cues; a missing number or empty line, or an empty line within a cue, does no harm.

    Format: https://www.loc.gov/preservation/digital/formats/fdd/fdd000569.shtml
    """
    return _parse(text, True)


def _parse(text, blank_goes_on):
    pieces = []  # (start, end, voice or None, line)
    for start_s, end_s, lines in _cues(text, blank_goes_on):
        payload = "\n".join(lines)
        if _VOICE.search(payload):
            pieces += [(start_s, end_s, voice, said) for voice, said in _voices(payload)]
        else:
            pieces += [(start_s, end_s, None, line) for line in _plain(payload).splitlines()]
    named, said = iter(split_labels([line for *_, voice, line in pieces if voice is None])), []
    for start_s, end_s, voice, line in pieces:
        speaker, words = (voice, line) if voice is not None else next(named)
        if speaker is None and said:
            speaker = said[-1].speaker  # a cue without a name goes on with the last one's
        said.append(Said(speaker, words, start_s, end_s))
    return Parsed(said)


def _cues(text, blank_goes_on):
    """(start in seconds, end in seconds, lines) of each cue."""
    cues, open_cue = [], False
    for line in text.splitlines():
        if found := TIMING.match(line):
            if cues and cues[-1][2] and _DIGITS.match(cues[-1][2][-1]) and (blank_goes_on or open_cue):
                cues[-1][2].pop()  # the number of the cue that begins here
            start_s, end_s = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
            cues.append((start_s, end_s, []))
            open_cue = True
        elif not line.strip():
            open_cue = open_cue and (blank_goes_on or not cues[-1][2])
        elif open_cue:
            cues[-1][2].append(line)
    return cues


def _seconds(parts):
    hours, minutes, seconds, fraction = parts
    found = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
    return found if found <= MOST_SECONDS else None


def _voices(payload):
    """(voice, text) of a cue's payload; what stands before the first voice has none."""
    before, *rest = _VOICE.split(payload)
    told = [(None, before), *zip(rest[::2], rest[1::2])]
    return [(label_of(_plain(voice or "")), _plain(said)) for voice, said in told if text_of(_plain(said))]


def _plain(payload):
    return html.unescape(_TAG.sub("", payload))
