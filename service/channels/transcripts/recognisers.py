"""Speech recognisers' JSON → what was said: Whisper, OpenAI, Deepgram, AssemblyAI, Google."""

import math
from datetime import UTC, datetime, timedelta

from service.channels.transcripts.said import (
    Parsed,
    Said,
    at,
    grouped,
    label_of,
    mean_confidence,
    moment_of,
    number_of,
    objects_of,
    seconds_of,
    share_of,
    text_of,
)

# Above the first there was no speech, whatever was written; the others are Whisper's own rule, by which it skips a window.
SURELY_SILENT, SILENT, DOUBTFUL_LOGPROB = 0.9, 0.6, -1.0
_ROLES = {
    "customer": "customer", "end_user": "customer", "agent": "agent", "human_agent": "agent", "any_agent": "agent",
    "automated_agent": "bot",
}  # fmt: skip


def parse_whisper(data):
    """Parsed of Whisper's verbose_json, and of WhisperX, which adds `speaker` to segments and words.

    A segment's confidence is its words' or exp(avg_logprob); segments that are surely no speech are left out.
    Format: https://platform.openai.com/docs/api-reference/audio/verbose-json-object, https://github.com/m-bain/whisperX
    """
    if isinstance(data, list):
        data = {"segments": data}
    said = [
        piece for segment in objects_of(data.get("segments")) if not _is_silence(segment) for piece in _pieces(segment)
    ]
    return Parsed(said or [Said(None, data.get("text"))] if "segments" not in data else said)


def parse_openai(data):
    """Parsed of OpenAI's diarized_json: segments with `speaker`, letters or the names given in known_speaker_names.

    Format: https://platform.openai.com/docs/api-reference/audio/diarized-json-object
    """
    return parse_whisper(data)


def _is_silence(segment):
    silence, logprob = share_of(segment.get("no_speech_prob")) or 0, number_of(segment.get("avg_logprob"))
    return silence > SURELY_SILENT or (silence > SILENT and logprob is not None and logprob < DOUBTFUL_LOGPROB)


def _pieces(segment):
    """Said of a segment: one, or several where its words are of several speakers."""
    speaker = label_of(segment.get("speaker"))
    words = [_word(word, ("word",), 1.0, speaker) for word in objects_of(segment.get("words"))]
    if len({word.speaker for word in words}) > 1:
        return grouped(words)
    logprob = number_of(segment.get("avg_logprob"))
    confidence = mean_confidence([(word.text, word.confidence) for word in words])
    if confidence is None and logprob is not None:
        confidence = math.exp(min(logprob, 0))
    speaker = speaker or (words[0].speaker if words else None)
    start_s, end_s = seconds_of(segment.get("start")), seconds_of(segment.get("end"))
    return [Said(speaker, segment.get("text"), start_s, end_s, confidence)]


def _word(word, names, scale, speaker=None):
    """A word as a Said of its own; `names` are the fields that may hold it, `scale` the seconds of a unit of time."""
    text = next((text for name in names if (text := text_of(word.get(name)))), "")
    found = (share_of(word.get(name)) for name in ("confidence", "probability", "score"))
    confidence = next((one for one in found if one is not None), None)
    label = label_of(word.get("speaker")) or speaker
    return Said(label, text, seconds_of(word.get("start"), scale), seconds_of(word.get("end"), scale), confidence)


def parse_deepgram(data):
    """Parsed of Deepgram's answer: its utterances or, without them, the words of each channel's best alternative.

    Where there are several channels, each is a speaker. Format: https://developers.deepgram.com/docs/utterances
    """
    results = data.get("results")
    channels = objects_of(at(results, "channels"))
    several = len(channels) > 1
    said = [
        Said(
            label_of(one.get("channel") if several else one.get("speaker")),
            one.get("transcript"),
            seconds_of(one.get("start")),
            seconds_of(one.get("end")),
            _confidence(one, ("punctuated_word", "word")),
        )
        for one in objects_of(at(results, "utterances"))
    ]
    if not said:
        for number, channel in enumerate(channels):
            best = (objects_of(channel.get("alternatives")) or [{}])[0]
            words = [_word(word, ("punctuated_word", "word"), 1.0) for word in objects_of(best.get("words"))]
            speaker = str(number) if several else None
            said += _relabelled(grouped(words), speaker) if words else [Said(speaker, best.get("transcript"))]
    return Parsed(said, id=label_of(at(data, "metadata", "request_id")))


def _relabelled(said, speaker):
    return [Said(speaker or one.speaker, one.text, one.start_s, one.end_s, one.confidence) for one in said]


def _confidence(one, names):
    """The words' mean confidence, or the one that stands for all of them."""
    words = [_word(word, names, 1.0) for word in objects_of(one.get("words"))]
    found = mean_confidence([(word.text, word.confidence) for word in words])
    return share_of(one.get("confidence")) if found is None else found


def parse_assemblyai(data):
    """Parsed of AssemblyAI's transcript: its utterances (speaker_labels or multichannel) or, without them, its words; times in ms.

    Format: https://www.assemblyai.com/docs/api-reference/transcripts/get
    """
    said = [
        Said(
            label_of(one.get("speaker")) or label_of(one.get("channel")),
            one.get("text"),
            seconds_of(one.get("start"), 0.001),
            seconds_of(one.get("end"), 0.001),
            _confidence(one, ("text",)),
        )
        for one in objects_of(data.get("utterances"))
    ]
    if not said:
        words = [_word(word, ("text",), 0.001) for word in objects_of(data.get("words"))]
        said = grouped(words) if words else [Said(None, data.get("text"), confidence=share_of(data.get("confidence")))]
    return Parsed(said, id=label_of(data.get("id")))


def parse_google(data):
    """Parsed of Google: Speech-to-Text v2 and v1 (words with speakerLabel or speakerTag), Conversational Insights (CCAI)
    conversations (transcriptSegments) and its format of uploaded conversations (entries).

    Formats: https://cloud.google.com/speech-to-text/v2/docs/reference/rest/v2/BatchRecognizeResults,
    https://cloud.google.com/contact-center/insights/docs/reference/rest/v1/projects.locations.conversations,
    https://cloud.google.com/contact-center/insights/docs/conversation-data-format
    """
    if isinstance(at(data, "transcript", "transcriptSegments"), list):
        return _insights(data)
    if isinstance(data.get("entries"), list):
        return _entries(data)
    return Parsed(_speech(_results(data)))


def _results(data):
    """The results of an answer, or of each file of a batch."""
    found = data.get("results")
    if isinstance(found, list):
        return objects_of(found)
    if not isinstance(found, dict):
        return []
    transcripts = [at(one, "inlineResult", "transcript") or at(one, "transcript") for one in found.values()]
    return [result for one in transcripts for result in objects_of(at(one, "results"))]


def _speech(results):
    best = [(result, (objects_of(result.get("alternatives")) or [{}])[0]) for result in results]
    spoken = [[_google_word(word) for word in objects_of(one.get("words"))] for _, one in best]
    # In v1 the last result repeats the words of all, with the speakers.
    tagged = any("speakerTag" in word for _, one in best for word in objects_of(one.get("words")))
    if tagged:
        return grouped(spoken[-1])
    if any(word.speaker for words in spoken for word in words):
        return [one for words in spoken for one in grouped(words)]
    return [
        Said(
            label_of(result.get("channelTag")),
            one.get("transcript"),
            words[0].start_s if words else None,
            words[-1].end_s if words else _duration(result.get("resultEndOffset") or result.get("resultEndTime")),
            _set(one.get("confidence")),
        )
        for (result, one), words in zip(best, spoken)
    ]


def _google_word(word):
    return Said(
        label_of(word.get("speakerLabel")) or label_of(word.get("speakerTag") or None),
        text_of(word.get("word")),
        _duration(word.get("startOffset") or word.get("startTime")),
        _duration(word.get("endOffset") or word.get("endTime")),
        _set(word.get("confidence")),
    )


def _set(confidence):
    # 0 is how Google says that it is not known.
    return share_of(confidence) or None


def _duration(value):
    """Seconds of a protobuf duration as JSON: "1.500s", or an object of seconds and nanos."""
    if isinstance(value, dict):
        whole, nanos = value.get("seconds"), number_of(value.get("nanos")) or 0
        return seconds_of(_float(whole) + nanos / 1e9) if _float(whole) is not None else None
    return seconds_of(_float(value[:-1])) if isinstance(value, str) and value.endswith("s") else None


def _float(value):
    try:
        return number_of(float(value)) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        return None


def _insights(data):
    segments = objects_of(at(data, "transcript", "transcriptSegments"))
    started_at, said = moment_of(data.get("startTime")), []
    for one in segments:
        words = [_google_word(word) for word in objects_of(one.get("words"))]
        person = one.get("segmentParticipant")
        sent_at = moment_of(one.get("messageTime"))
        started_at = started_at or sent_at
        start_s = words[0].start_s if words else None
        if start_s is None and sent_at is not None:
            start_s = seconds_of((sent_at - started_at).total_seconds())
        said.append(
            Said(
                label_of(at(person, "userId")) or label_of(at(person, "role")) or label_of(one.get("channelTag")),
                one.get("text"),
                start_s,
                words[-1].end_s if words else None,
                mean_confidence([(word.text, word.confidence) for word in words]) or _set(one.get("confidence")),
                _role(at(person, "role")),
            )
        )
    channel = "chat" if data.get("medium") == "CHAT" else "call"
    return Parsed(said, (label_of(text_of(data.get("name")).rpartition("/")[2])), started_at, channel)


def _entries(data):
    rows = objects_of(data.get("entries"))
    times = [number_of(row.get("start_timestamp_usec")) for row in rows]
    first = min((time for time in times if time is not None), default=0)
    said = [
        Said(
            label_of(row.get("user_id")) or label_of(row.get("role")),
            row.get("text"),
            None if time is None else seconds_of(time - first, 1e-6),
            role=_role(row.get("role")),
        )
        for row, time in zip(rows, times)
    ]
    # Counted from the conversation's own beginning where they are too small for a date.
    began = datetime.fromtimestamp(0, UTC) + timedelta(seconds=first / 1e6) if 1e14 < first < 1e16 else None
    return Parsed(said, started_at=began)


def _role(value):
    return _ROLES.get(value.lower()) if isinstance(value, str) else None
