"""Contact centres' JSON → what was said: Amazon Connect Contact Lens, Genesys Cloud. Both tell who is who."""

from service.channels.transcripts.said import (
    Parsed,
    Said,
    at,
    label_of,
    mean_confidence,
    moment_of,
    number_of,
    objects_of,
    seconds_of,
    share_of,
    text_of,
)

_CONNECT = {"CUSTOMER": "customer", "AGENT": "agent", "SUPERVISOR": "agent", "SYSTEM": "bot", "CUSTOM_BOT": "bot"}
_WRITTEN = ("text/plain", "text/markdown")
_GENESYS = {
    "external": "customer", "customer": "customer", "internal": "agent", "agent": "agent", "user": "agent", "api": "bot",
    "ivr": "bot", "acd": "bot", "bot": "bot", "botflow": "bot", "workflow": "bot", "voicemail": "bot", "dialer": "bot",
}  # fmt: skip
_SPOKEN = ("call", "voice", "callback", "phone")


def parse_contact_lens(data):
    """Parsed of a Contact Lens file of a call or a chat, and of Amazon Connect's own of a chat; EVENT and ATTACHMENT rows are left out.

    Format: https://docs.aws.amazon.com/connect/latest/adminguide/contact-lens-example-output-files.html (calls),
    …/contact-lens-example-output-files-chat.html (chats)
    """
    roles = {
        label_of(one.get("ParticipantId")): text_of(one.get("ParticipantRole")).upper()
        for one in objects_of(data.get("Participants"))
    }
    rows = [row for row in objects_of(data.get("Transcript")) if _is_message(row)]
    times = [moment_of(row.get("AbsoluteTime")) for row in rows]
    began, said = min((time for time in times if time), default=None), []
    for row, time in zip(rows, times):
        speaker = label_of(row.get("ParticipantId"))
        told = text_of(row.get("ParticipantRole")).upper() or roles.get(speaker) or (speaker or "").upper()
        start_s = seconds_of(row.get("BeginOffsetMillis"), 0.001)
        if start_s is None and time is not None:
            start_s = seconds_of((time - began).total_seconds())
        said.append(
            Said(
                speaker or label_of(told),
                row.get("Content"),
                start_s,
                seconds_of(row.get("EndOffsetMillis"), 0.001),
                role=_CONNECT.get(told),
            )
        )
    id = label_of(at(data, "CustomerMetadata", "ContactId")) or label_of(data.get("ContactId"))
    is_chat = data.get("Channel") == "CHAT" or ("Channel" not in data and began is not None)
    return Parsed(said, id, began, "chat" if is_chat else "call")


def _is_message(row):
    kind = row.get("ContentType")
    return row.get("Type") in (None, "MESSAGE") and (kind is None or kind in _WRITTEN)


def parse_genesys(data):
    """Parsed of Genesys Cloud's transcript, of a call or of messages: the phrases of all of a conversation's transcripts.

    `external` is the customer; `internal` the agent or, while only an IVR or a queue took part, a bot. Times are milliseconds since 1970.
    Format: https://developer.genesys.cloud/analyticsdatamanagement/speechtextanalytics/transcript-url
    """
    phrases = [phrase for one in objects_of(data.get("transcripts")) for phrase in objects_of(one.get("phrases"))]
    people = objects_of(data.get("participants"))
    times = [number_of(phrase.get("startTimeMs")) for phrase in phrases]
    # Some exports count from the call's beginning.
    first = min((time for time in times if time is not None and time > 1e11), default=None)
    said = []
    for phrase, time in zip(phrases, times):
        words = [
            (text_of(word.get("word")), share_of(word.get("confidence"))) for word in objects_of(phrase.get("words"))
        ]
        start_s = None if time is None else seconds_of(time - (first or 0), 0.001)
        lasts_s = seconds_of(at(phrase, "duration", "milliseconds"), 0.001)
        role = _genesys_role(phrase, time, people)
        said.append(
            Said(
                role or label_of(phrase.get("participantPurpose")),
                phrase.get("decoratedText") if text_of(phrase.get("decoratedText")) else phrase.get("text"),
                start_s,
                None if start_s is None or lasts_s is None else start_s + lasts_s,
                mean_confidence(words) or share_of(phrase.get("confidence")),
                role,
            )
        )
    began = moment_of(data.get("conversationStartTime")) or moment_of(data.get("startTime")) or moment_of(first)
    medium = text_of(data.get("mediaType")).lower() or "call"
    channel = "call" if medium in _SPOKEN else "email" if medium == "email" else "chat"
    return Parsed(said, label_of(data.get("conversationId")), began, channel)


def _genesys_role(phrase, time, people):
    role = _GENESYS.get(text_of(phrase.get("participantPurpose")).lower())
    if role != "agent" or time is None:
        return role
    there = {
        _GENESYS.get(text_of(one.get("participantPurpose")).lower())
        for one in people
        if (number_of(one.get("startTimeMs")) or 0) <= time <= (number_of(one.get("endTimeMs")) or float("inf"))
    }
    return "bot" if "bot" in there and "agent" not in there else "agent"
