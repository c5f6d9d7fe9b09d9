"""Transcripts of calls and chats, as recognisers and contact centres write them → turns with roles (pure)."""

import codecs
import json
import re
from dataclasses import dataclass, replace

from service.channels.transcripts.captions import TIMING, parse_srt, parse_webvtt
from service.channels.transcripts.centres import parse_contact_lens, parse_genesys
from service.channels.transcripts.plain import parse_text
from service.channels.transcripts.recognisers import (
    parse_assemblyai,
    parse_deepgram,
    parse_google,
    parse_openai,
    parse_whisper,
)
from service.channels.transcripts.said import Parsed, at, fault, in_order, joined, objects_of
from service.channels.transcripts.speakers import role_of_label

WRITTEN = {"webvtt": parse_webvtt, "srt": parse_srt, "text": parse_text}
JSON = {
    "whisper": parse_whisper,
    "openai": parse_openai,
    "deepgram": parse_deepgram,
    "assemblyai": parse_assemblyai,
    "contact_lens": parse_contact_lens,
    "genesys": parse_genesys,
    "google": parse_google,
}
FORMATS = (*WRITTEN, *JSON)
MOST_CHARACTERS = 1_000_000  # of a written transcript: ten times a call of two hours
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

_HEBREW_UTF8 = re.compile(rb"\xd7[\x90-\xaa]")
_LIKE_JSON = re.compile(r'\s*(\{|\[\s*[{"\[\]])')


@dataclass(frozen=True)
class Transcript:
    """A transcript read: its format, and its Parsed with what was said in order and joined."""

    format: str
    parsed: Parsed


def read(sent, format=None):
    """Transcript of a file's bytes, of its text, or of JSON already decoded; the format is detected where none is given.

    Raises Invalid where it can't be decoded, is of no known format or not of the given one, or holds no words.
    """
    text, data = _opened(sent)
    format = format or detect(text[:MOST_CHARACTERS], data)
    if format is None:
        raise fault("format", f"is not recognised: give one of {', '.join(FORMATS)}")
    if format in WRITTEN:
        if len(text) > MOST_CHARACTERS:
            raise fault("transcript", f"is longer than {MOST_CHARACTERS:,} characters")
        parsed = WRITTEN[format](text)
    elif isinstance(data, dict) or (format == "whisper" and isinstance(data, list)):
        parsed = JSON[format](data)
    else:
        raise fault("transcript", f"is no JSON object, as {format} is")
    said = in_order(parsed.said)
    if not said:
        raise fault("transcript", f"holds no words that {format} would write")
    return Transcript(format, replace(parsed, said=joined(said) if parsed.channel == "call" else said))


def decode(body):
    """Text of a file's bytes: UTF-8 or UTF-16, with a mark or without, or windows-1255, in which older Hebrew captions are written."""
    marked = next((encoding for mark, encoding in _MARKS if body.startswith(mark)), None)
    zero = body.find(b"\0")
    guessed = "utf-8" if zero < 0 else "utf-16-le" if zero % 2 else "utf-16-be"
    # A UTF-8 file that was cut or spoilt is not taken for windows-1255: its Hebrew letters are pairs of bytes that none is there.
    others = [] if _HEBREW_UTF8.search(body) else ["windows-1255"]
    for encoding in [marked] if marked else [guessed, *others]:
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise fault("transcript", "is neither UTF-8 nor UTF-16 nor windows-1255")


def detect(text, data):
    """The name of the format of a text and its JSON (None where it is none), or None."""
    if data is not None:
        return _detect_json(data)
    if text.lstrip("\ufeff").startswith("WEBVTT"):
        return "webvtt"
    if any(TIMING.match(line) for line in text.splitlines()):
        return "srt"
    speakers = {one.speaker for one in parse_text(text).said} - {None}
    return "text" if len(speakers) > 1 or any(map(role_of_label, speakers)) else None


def _detect_json(data):
    if isinstance(data, list):
        return "whisper" if any("text" in one for one in objects_of(data)) else None
    if not isinstance(data, dict):
        return None
    results = data.get("results")
    if isinstance(at(results, "channels"), list) or isinstance(at(results, "utterances"), list):
        return "deepgram"
    files = results.values() if isinstance(results, dict) else []
    if isinstance(results, list) or any(at(one, "transcript") or at(one, "inlineResult") for one in files):
        return "google"
    if isinstance(at(data, "transcript", "transcriptSegments"), list) or isinstance(data.get("entries"), list):
        return "google"
    if isinstance(data.get("Transcript"), list):
        return "contact_lens"
    if isinstance(data.get("transcripts"), list):
        return "genesys"
    segments = data.get("segments")
    if isinstance(segments, list):
        ours = any(one.get("type") == "transcript.text.segment" for one in objects_of(segments))
        return "openai" if ours else "whisper"
    return "assemblyai" if "utterances" in data or "audio_url" in data else None


def _opened(sent):
    """(text, JSON or None) of what was sent."""
    if isinstance(sent, dict | list):
        return "", sent
    text = decode(sent) if isinstance(sent, bytes) else sent
    if not isinstance(text, str):
        raise fault("transcript", "must be a text, or the recogniser's JSON")
    text = text.removeprefix("\ufeff")
    if not _LIKE_JSON.match(text):
        return text, None
    try:
        return text, json.loads(text)
    except (ValueError, RecursionError):
        raise fault("transcript", "begins like JSON and is not valid JSON") from None
