import codecs
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.channels.transcripts import FORMATS, decode, read
from service.channels.transcripts.contract import HEBREW_CALL, SentTranscript, TranscriptIn, to_interaction
from service.channels.transcripts.said import LONGEST_PAUSE_S, Said, joined
from service.channels.transcripts.speakers import EVERYBODY, SURE, Role, find_roles, infer, role_of_label
from service.errors import Invalid, RequestError

SAMPLES = Path(__file__).parents[1] / "samples"
FILES = {
    "assemblyai.json": "assemblyai", "call.srt": "srt", "call.vtt": "webvtt", "contact-lens-chat.json": "contact_lens",
    "contact-lens-voice.json": "contact_lens", "deepgram.json": "deepgram", "english.txt": "text", "genesys.json": "genesys",
    "google-insights.json": "google", "google-speech.json": "google", "hebrew.txt": "text", "openai.json": "openai",
    "whisper.json": "whisper",
}  # fmt: skip


def sample(name):
    return (SAMPLES / "transcripts" / name).read_bytes()


def said(sent, format=None):
    return read(sent, format).parsed.said


def told(sent, format=None):
    """(speaker, text) of each turn."""
    return [(one.speaker, one.text) for one in said(sent, format)]


def refused(sent, format=None, given=None):
    """The errors of a refusal as {field: message}."""
    with pytest.raises(Invalid) as caught:
        find_roles(said(sent, format), given or {})
    return {one["field"]: one["message"] for one in caught.value.errors}


# Every format


def test_each_format_has_a_sample_and_each_sample_is_recognised():
    assert {name: read(sample(name)).format for name in FILES} == FILES
    assert set(FILES.values()) == set(FORMATS)
    assert {path.name for path in (SAMPLES / "transcripts").iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_each_sample_tells_a_whole_conversation_in_order(name):
    found = said(sample(name))
    assert 8 <= len(found) <= 20
    roles = find_roles(found, {})
    assert {"agent", "customer"} <= {role.role for role in roles.values()}
    starts = [one.start_s for one in found if one.start_s is not None]
    assert max(starts, default=60) - min(starts, default=0) > 30  # seconds, whatever the format counts in
    assert max(starts, default=60) < 600
    assert starts == sorted(starts)
    for one in found:
        assert None in (one.start_s, one.end_s) or one.start_s <= one.end_s
        assert one.confidence is None or 0 < one.confidence <= 1


@pytest.mark.parametrize("name", FILES)
def test_a_sample_sent_as_its_given_format_reads_the_same(name):
    assert read(sample(name), FILES[name]) == read(sample(name))


def test_no_turn_says_what_another_speaker_said():
    found = told(sample("whisper.json"))
    assert found[0] == ("A", "שלום הגעתם לביטוח כלל תעשיות מדבר עוז איך אפשר לעזור")
    assert found[1] == ("B", "אה כן שלום עוז אני הגשתי תביעה על הרכב ביולי ועד היום לא קיבלתי שקל")
    assert [speaker for speaker, _ in found] == ["A", "B"] * 5


# Captions


def test_webvtt_voices_classes_notes_styles_and_settings():
    text = """WEBVTT - a call
Kind: captions

NOTE Dana: this is
no speech

STYLE
::cue(v) { color: red }

intro
00:01.000 --> 00:02.500 align:start line:0%
<v.loud Roger Bingham>we are in <i>New</i> <c.yellow>York</c> &amp; <lang he>חיפה</lang></v>

1:00:03.000 --> 1:00:04.000
<v Roger Bingham>one <00:00:03.500>moment</v><v נועה>בטח</v>
"""
    assert said(text) == [
        Said("Roger Bingham", "we are in New York & חיפה", 1.0, 2.5),
        Said("Roger Bingham", "one moment", 3603.0, 3604.0),
        Said("נועה", "בטח", 3603.0, 3604.0),
    ]


def test_two_voices_of_one_cue_are_two_turns_and_a_name_before_the_text_is_a_voice_too():
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nNoa: שלום\nDana: היי\n\n00:02.000 --> 00:03.000\nDana: רציתי לשאול משהו"
    assert told(text) == [("Noa", "שלום"), ("Dana", "היי רציתי לשאול משהו")]


def test_a_colon_within_a_sentence_names_nobody():
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nתקשיב: זה לא עובד\n\n00:03.000 --> 00:04.000\nכבר שבוע ככה"
    assert told(text) == [(None, "תקשיב: זה לא עובד כבר שבוע ככה")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1255"])
def test_subrip_without_blank_lines_or_numbers_in_any_encoding(encoding):
    text = "1\r\n00:00:01,000 --> 00:00:02,500\r\nנציג: שלום\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n{\\an8}<b>לקוח:</b> 4711\r\n\r\n"
    text += "זה המספר\r\n\r\n00:00:05,000 --> 00:00:06,000\r\nנציג: תודה"
    assert said(text.encode(encoding)) == [
        Said("נציג", "שלום", 1.0, 2.5), Said("לקוח", "4711 זה המספר", 3.0, 4.0), Said("נציג", "תודה", 5.0, 6.0),
    ]  # fmt: skip


def test_bytes_of_no_known_encoding_are_refused():
    for body in (b"WEBVTT \xff\xd9\xda\xff", "נציג: שלום".encode()[:-1], "נציג: שלום ".encode() + b"\xe9"):
        with pytest.raises(Invalid):
            decode(body)
    assert decode(codecs.BOM_UTF16_BE + "שלום".encode("utf-16-be")) == "שלום"


# Plain text


def test_plain_lines_in_hebrew_and_english_with_times_and_continued_lines():
    text = "שיחה מספר 7\n\u200fנציגה: שלום\nלקוח: היי,\nרציתי לבטל\n"
    assert told(text) == [("נציגה", "שלום"), ("לקוח", "היי, רציתי לבטל")]
    text = "[00:00:01] Agent (Kate): Hello\n[00:01:03] Customer: see https://x.org: it fails\n"
    assert said(text) == [
        Said("Agent (Kate)", "Hello", 1.0), Said("Customer", "see https://x.org: it fails", 63.0),
    ]  # fmt: skip


def test_text_that_names_nobody_is_no_transcript_unless_it_is_said_to_be_one():
    assert "give one of webvtt, srt" in refused("סתם טקסט\nבלי אף אחד")["format"]
    assert told("סתם טקסט", "text") == [(None, "סתם טקסט")]


@pytest.mark.parametrize(
    ("label", "role"),
    [
        ("Agent", "agent"), ("נציגת שירות", "agent"), ("שירות לקוחות", "agent"), ("Customer Service", "agent"), ("Оператор", "agent"),
        ("Customer 2", "customer"), ("לקוחה (דנה)", "customer"), ("العميل", "customer"), ("Клиент", "customer"),
        ("IVR", "bot"), ("המערכת", "bot"), ("Dana Levi", None), ("A", None), ("SPEAKER_00", None), ("שרון", None),
    ],
)  # fmt: skip
def test_a_name_may_tell_the_role(label, role):
    assert role_of_label(label) == role


# Recognisers


def test_whisper_leaves_out_what_was_no_speech_and_weighs_its_own_probabilities():
    found = said(sample("whisper.json"))
    assert not any("תודה על הצפייה" in one.text for one in found)
    unsure = next(one for one in found if "אתם צוחקים עליי" in one.text)
    assert unsure.confidence < min(one.confidence for one in found if one is not unsure)
    segments = [
        {"start": 0, "end": 1, "text": "שקט", "no_speech_prob": 0.7, "avg_logprob": -1.4},
        {"start": 1, "end": 2, "text": "דיבור", "no_speech_prob": 0.7, "avg_logprob": -0.5},
    ]
    assert [(one.text, round(one.confidence, 3)) for one in said({"segments": segments})] == [("דיבור", 0.607)]


def test_whisperx_words_of_two_speakers_part_a_segment():
    words = [
        {"word": "שלום", "start": 0.1, "end": 0.5, "score": 0.9, "speaker": "SPEAKER_00"},
        {"word": "לך", "start": 0.6, "end": 0.8, "score": 0.6},
        {"word": "היי", "start": 1.0, "end": 1.3, "score": 0.5, "speaker": "SPEAKER_01"},
    ]
    segment = {"start": 0.1, "end": 1.3, "text": "שלום לך היי", "speaker": "SPEAKER_00", "words": words}
    words[1]["speaker"] = "SPEAKER_00"
    assert said({"segments": [segment]}) == [
        Said("SPEAKER_00", "שלום לך", 0.1, 0.8, pytest.approx(0.8)), Said("SPEAKER_01", "היי", 1.0, 1.3, 0.5),
    ]  # fmt: skip


def test_whisper_without_speakers_asks_for_all_of_it():
    data = {"text": "השירות נורא", "segments": [{"start": 0, "end": 2, "text": "השירות נורא"}]}
    assert list(refused(data)) == ["speakers.*"]
    assert find_roles(said(data), {EVERYBODY: "customer"}) == {None: Role("customer", 1.0)}
    assert told({"task": "transcribe", "text": "השירות נורא"}, "whisper") == [(None, "השירות נורא")]


def test_deepgram_channels_are_speakers_and_words_do_without_utterances():
    def channel(*words):
        return {
            "alternatives": [
                {
                    "transcript": "",
                    "words": [{"word": w, "start": s, "end": s + 0.4, "confidence": 0.8} for w, s in words],
                }
            ]
        }

    data = {"results": {"channels": [channel(("שלום", 0.0)), channel(("היי", 1.0), ("לך", 1.5))]}}
    assert told(data) == [("0", "שלום"), ("1", "היי לך")]


def test_utterances_of_two_channels_are_told_in_the_order_of_their_times():
    told_apart = [("שתיים", 5.0, 1), ("אחת", 1.0, 0), ("שלוש", 9.0, 0)]
    utterances = [
        {"transcript": text, "start": start, "end": start + 1, "channel": channel}
        for text, start, channel in told_apart
    ]
    data = {"results": {"channels": [{}, {}], "utterances": utterances}}
    assert told(data) == [("0", "אחת"), ("1", "שתיים"), ("0", "שלוש")]


def test_google_v1_repeats_all_words_in_its_last_result():
    def words(*tagged):
        return [
            {"word": w, "startTime": f"{n}s", "endTime": f"{n}.5s"} | ({"speakerTag": t} if t else {})
            for n, (w, t) in enumerate(tagged)
        ]

    results = [
        {"alternatives": [{"transcript": "שלום", "words": words(("שלום", 0))}]},
        {"alternatives": [{"words": words(("שלום", 1), ("היי", 2), ("לך", 2))}]},
    ]
    assert told({"results": results}) == [("1", "שלום"), ("2", "היי לך")]


def test_google_batches_and_uploaded_conversations():
    result = {"alternatives": [{"words": [{"word": "שלום", "startOffset": "1.200s", "speakerLabel": "1"}]}]}
    for file in ({"transcript": {"results": [result]}}, {"inlineResult": {"transcript": {"results": [result]}}}):
        assert said({"results": {"gs://bucket/a.wav": file}}) == [Said("1", "שלום", 1.2, None)]
    entries = [
        {"text": "שלום", "role": "AGENT", "user_id": 1, "start_timestamp_usec": 1_795_080_600_000_000},
        {"text": "נורא", "role": "CUSTOMER", "user_id": 2, "start_timestamp_usec": 1_795_080_601_500_000},
    ]
    parsed = read({"entries": entries}).parsed
    assert parsed.started_at == datetime(2026, 11, 19, 9, 30, tzinfo=UTC)
    assert [(one.role, one.start_s) for one in parsed.said] == [("agent", 0.0), ("customer", 1.5)]


# Contact centres


def test_contact_lens_events_and_attachments_are_no_speech_and_chat_messages_stay_apart():
    transcript = read(sample("contact-lens-chat.json"))
    texts = [one.text for one in transcript.parsed.said]
    assert (transcript.parsed.channel, transcript.parsed.id) == ("chat", "2d0a8c55-6a3f-4d0e-8f5e-0c8f1a2b3c4d")
    assert texts[1:3] == ["היי, ההזמנה שלי 88213 הגיעה שבורה", "שתי צלחות מתוך שש"]
    assert len(texts) == 11 and not any("joined" in text or "plates" in text for text in texts)
    assert transcript.parsed.started_at.isoformat() == "2026-11-18T09:30:39.145000+00:00"
    assert Counter(one.role for one in transcript.parsed.said) == {"customer": 6, "agent": 4, "bot": 1}


@pytest.mark.parametrize("kind", ["EVENT", "ATTACHMENT", "CONNECTION_ACK"])
def test_a_row_that_is_no_message_is_left_out_whatever_it_holds(kind):
    rows = [
        {"ParticipantId": "c", "ParticipantRole": "CUSTOMER", "Content": f"טקסט {n}", "Type": t}
        for n, t in enumerate([kind, "MESSAGE"])
    ]
    assert [one.text for one in said({"Transcript": rows})] == ["טקסט 1"]
    rows = [
        {
            "Content": '{"templateType": "ListPicker"}',
            "ContentType": "application/vnd.amazonaws.connect.message.interactive",
        }
    ]
    assert "holds no words" in refused({"Transcript": rows})["transcript"]


def test_contact_lens_calls_know_their_participants_by_id_or_by_name():
    rows = [{"ParticipantId": "CUSTOMER", "Content": "נורא", "BeginOffsetMillis": 1500, "EndOffsetMillis": 2000}]
    assert said({"Channel": "VOICE", "Transcript": rows}) == [Said("CUSTOMER", "נורא", 1.5, 2.0, role="customer")]
    assert read(sample("contact-lens-voice.json")).parsed.channel == "call"


def test_genesys_takes_the_ivr_for_a_bot_and_the_time_from_the_phrases():
    parsed = read(sample("genesys.json")).parsed
    assert [one.role for one in parsed.said[:4]] == ["bot", "customer", "agent", "customer"]
    assert parsed.started_at == datetime(2026, 11, 19, 9, 30, tzinfo=UTC)
    assert parsed.said[0].text.endswith("הקישו אחת.")
    messages = json.loads(sample("genesys.json")) | {"mediaType": "webmessaging"}
    assert read(messages).parsed.channel == "chat"


# Joining


def test_what_a_recogniser_split_is_joined_and_its_confidence_weighed_by_length():
    pieces = [Said("B", "אני מחכה", 0, 1, 0.9), Said("B", "כבר שעתיים לטכנאי", 1.4, 3, 0.6)]
    assert joined(pieces) == [Said("B", "אני מחכה כבר שעתיים לטכנאי", 0, 3, pytest.approx((8 * 0.9 + 17 * 0.6) / 25))]


def test_a_long_pause_and_another_speaker_part_turns():
    pause = LONGEST_PAUSE_S + 0.1
    assert len(joined([Said("B", "רגע", 0, 1), Said("B", "הנה", 1 + pause, 8)])) == 2
    assert len(joined([Said("B", "רגע", 0, 1), Said("A", "כן", 1, 2), Said("B", "הנה", 2, 3)])) == 3


def test_a_hum_of_the_listener_parts_no_sentence():
    pieces = [Said("B", "אז התקשרתי אליכם", 0, 2), Said("A", "אהה", 2, 2.3), Said("B", "ואף אחד לא ענה", 2.4, 4)]
    assert [(one.speaker, one.text) for one in joined(pieces)] == [
        ("B", "אז התקשרתי אליכם ואף אחד לא ענה"),
        ("A", "אהה"),
    ]
    asked = [Said("A", "זה בסדר?", 0, 2), Said("B", "אהה", 2, 2.3), Said("A", "יופי", 2.4, 4)]
    assert len(joined(asked)) == 3


def test_nothing_said_is_lost_in_joining():
    for name in FILES:
        parsed = read(sample(name)).parsed
        words = Counter(word for one in parsed.said for word in one.text.split())
        again = Counter(word for one in joined(parsed.said) for word in one.text.split())
        assert words == again


# Who is who

CALLS = [json.loads(line) for line in (SAMPLES / "speakers.jsonl").read_text(encoding="utf-8").splitlines()]


def judged(split):
    """(calls, of them sure, right of the sure) of a part of the written calls."""
    calls = [call for call in CALLS if call["split"] == split]
    sure = right = 0
    for call in calls:
        found = infer([Said(speaker, text) for speaker, text in call["said"]])
        if all(role.confidence >= SURE for role in found.values()):
            sure += 1
            right += {speaker: role.role for speaker, role in found.items()} == call["roles"]
    return len(calls), sure, right


@pytest.mark.parametrize(
    ("split", "least_sure", "most_wrong"),
    [("written_before", 28, 0), ("held_out", 28, 0), ("fresh", 15, 0), ("final", 11, 1)],
)
def test_who_is_sure_of_the_roles_is_right(split, least_sure, most_wrong):
    calls, sure, right = judged(split)
    assert calls >= 24
    assert sure >= least_sure
    assert sure - right <= most_wrong


def test_calls_that_tell_nothing_are_asked_about_by_the_speakers_names():
    asked = refused("SPEAKER_00: כן\nSPEAKER_01: הלו\nSPEAKER_00: שומעים אותי\nSPEAKER_01: כן שומעים")
    assert set(asked) == {"speakers.SPEAKER_00", "speakers.SPEAKER_01"}
    assert "give speakers" in asked["speakers.SPEAKER_00"]


def test_the_senders_word_goes_before_everything_and_fills_the_rest():
    found = said(sample("openai.json"))
    assert find_roles(found, {"A": "customer", "B": "agent"}) == {"A": Role("customer", 1.0), "B": Role("agent", 1.0)}
    other = find_roles(found, {"A": "customer"})["B"]
    assert (other.role, SURE < other.confidence < 1) == ("agent", True)
    assert find_roles(found, {"*": "bot"})["A"].role == "bot"


def test_a_name_that_nobody_in_the_transcript_has_is_refused():
    assert refused(sample("openai.json"), given={"C": "agent"}) == {"speakers.C": "is not among the speakers: A, B"}


def test_who_speaks_to_a_machine_alone_is_the_customer():
    text = "A: לשירות בעברית הקישו אחת\nB: אוף\nA: לא זוהתה הקשה לחזרה לתפריט הקישו כוכבית\nB: נו באמת"
    assert {name: role.role for name, role in find_roles(said(text), {}).items()} == {"A": "bot", "B": "customer"}


def test_a_machine_and_a_second_agent_have_their_roles():
    text = (
        "X: שלום הגעתם למוקד השירות לעברית הקישו אחת שיחה זו מוקלטת\nY: נציג\n"
        "Z: שירות לקוחות שלום מדבר ערן איך אפשר לעזור\nY: חייבתם אותי פעמיים נמאס לי אף אחד לא עונה לי אצלכם\n"
        "Z: אני בודק מה מספר תעודת הזהות\nY: אני מחכה לתשובה כבר שבוע"
    )
    assert {name: role.role for name, role in find_roles(said(text), {}).items()} == {
        "X": "bot",
        "Y": "customer",
        "Z": "agent",
    }


# With what comes with it

PARTICULARS = {"customer": {"id": "dana"}, "occurred_at": "2026-11-01T10:00:00+02:00", "id": "7"}


def interaction(sent, **fields):
    return to_interaction(TranscriptIn.model_validate(PARTICULARS | fields), sent, "IL")[0]


def test_the_particulars_and_the_transcript_make_an_interaction():
    made = interaction(sample("deepgram.json"), agent="adir", stage="keep")
    assert (made.source, made.id, made.channel, made.customer_id) == ("deepgram", "7", "call", "dana")
    assert (made.agent, made.stage, made.occurred_at.hour) == ("adir", "keep", 8)
    unsure = min((turn for turn in made.turns if turn.speaker == "customer"), key=lambda turn: turn.confidence)
    assert "הכי גרוע" not in unsure.text and "רביעי אתם נורמליים" in unsure.text
    assert unsure.confidence == pytest.approx(0.41)


def test_what_the_transcript_tells_of_itself_need_not_be_told():
    own = TranscriptIn.model_validate({"customer": {"id": "dana"}})
    made, *_ = to_interaction(own, sample("contact-lens-chat.json"), "IL")
    assert (made.id, made.source, made.channel) == ("2d0a8c55-6a3f-4d0e-8f5e-0c8f1a2b3c4d", "contact_lens", "chat")
    assert made.occurred_at.isoformat() == "2026-11-18T09:30:39.145000+00:00"
    for name in ("whisper.json", "deepgram.json"):
        with pytest.raises(Invalid) as caught:
            to_interaction(own, sample(name), "IL")
        assert caught.value.errors[0]["field"] in ("id", "occurred_at")


def test_a_time_from_the_future_in_the_transcript_is_no_time():
    data = json.loads(sample("genesys.json"))
    data["startTime"] = 4_000_000_000_000
    with pytest.raises(Invalid) as caught:
        to_interaction(TranscriptIn.model_validate({"customer": {"id": "dana"}}), data, "IL")
    assert caught.value.errors[0]["field"] == "occurred_at"


def test_a_transcript_without_a_customer_or_without_words_is_refused():
    with pytest.raises(Invalid, match="none of the speakers is the customer"):
        interaction(sample("openai.json"), speakers={"A": "agent", "B": "agent"})
    for empty in (
        "WEBVTT\n",
        {"segments": []},
        {"results": []},
        {"Transcript": [{"Type": "EVENT"}]},
        {"utterances": [{"text": " … "}]},
    ):
        with pytest.raises(Invalid, match="holds no words"):
            interaction(empty)


def test_the_documented_example_is_accepted():
    given = SentTranscript.model_validate(HEBREW_CALL)
    made, format, _ = to_interaction(given, given.transcript, "IL")
    assert (format, [turn.speaker for turn in made.turns]) == ("openai", ["agent", "customer"])


@pytest.mark.parametrize("bad", ["A", "=agent", "A=boss", "{", '{"A": 5}', "A=agent,B", '["A"]'])
def test_speakers_are_pairs_of_names_and_known_roles(bad):
    with pytest.raises(ValueError, match="speakers"):
        TranscriptIn.model_validate(PARTICULARS | {"speakers": bad})


# Whatever comes

SCALARS = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1e300,
        10**400,
        float("nan"),
        float("inf"),
        "",
        "\0",
        "\ud800",
        "א",
        "1e9",
        [],
        {},
        [[]],
        [None],
        {"a": {}},
    ]
)


def places(value, path=()):
    """Paths of all that JSON holds."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def changed(value, path, put):
    if not path:
        return put
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], put)
    return copy


def survives(sent, format=None):
    try:
        made, *_ = to_interaction(TranscriptIn.model_validate(PARTICULARS | {"format": format}), sent, "IL")
    except RequestError:
        return
    assert made.turns
    for turn in made.turns:
        assert turn.text.encode() and "\0" not in turn.text
        assert turn.confidence is None or 0 <= turn.confidence <= 1
        for moment in (turn.start_s, turn.end_s):
            assert moment is None or 0 <= moment <= 2 * 10_000_000


JSON_FILES = {name: json.loads(sample(name)) for name in FILES if name.endswith(".json")}
PATHS = {name: list(places(data)) for name, data in JSON_FILES.items()}


@pytest.mark.parametrize("name", JSON_FILES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_changed_json_is_read_or_refused(name, data):
    value = JSON_FILES[name]
    for _ in range(data.draw(st.integers(1, 3))):
        try:
            value = changed(value, data.draw(st.sampled_from(PATHS[name])), data.draw(SCALARS))
        except (TypeError, KeyError, IndexError, AttributeError):
            continue  # the path went with an earlier change
    survives(value, data.draw(st.sampled_from([None, FILES[name]])))


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_changed_bytes_are_read_or_refused(name, data):
    body = bytearray(sample(name))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["byte", "cut", "insert"])):
            case "byte":
                body[place] = data.draw(st.integers(0, 255))
            case "cut":
                del body[place + 1 :]
            case "insert":
                body[place:place] = data.draw(st.binary(max_size=6))
    survives(bytes(body), data.draw(st.sampled_from([None, *FORMATS])))


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200), format=st.sampled_from([None, *FORMATS]))
def test_any_text_is_read_or_refused(text, format):
    survives(text, format)
    survives(text.encode("utf-8", "surrogatepass"), format)


@pytest.mark.parametrize(
    "sent",
    [None, 5, 1.5, True, "[" * 100_000, b"{" * 100_000, b"", "[[1, 2]]", {}, [], [[]], '{"a": 1' + "1" * 5000 + "}"],
)
@pytest.mark.parametrize("format", [None, *FORMATS])
def test_what_is_no_transcript_is_refused(sent, format):
    with pytest.raises(RequestError):
        interaction(sent, format=format)


def test_json_that_was_cut_is_not_taken_for_lines_of_text():
    for name in JSON_FILES:
        body = sample(name)
        for end in range(len(body) // 2, len(body) // 2 + 40, 3):
            with pytest.raises(Invalid):
                read(body[:end])


@pytest.mark.parametrize(
    "piece", ["<v ", "{\\", "<c.", "א\n", "A: ", "ספר" * 10 + "\n", "00:00:01,000 --> 00:00:02,000\n", "&amp;"]
)
@pytest.mark.parametrize("format", ["webvtt", "srt", "text"])
def test_a_text_made_to_be_slow_is_survived(piece, format):
    survives("WEBVTT\n\n00:01.000 --> 00:02.000\nA: " + piece * (60_000 // len(piece)), format)


def test_a_long_transcript_is_read_and_an_endless_one_refused():
    cue = "00:{0:02}:{1:02},000 --> 00:{0:02}:{1:02},900\nspeaker {2}: {3}\n\n"
    lines = "".join(cue.format(n // 60, n % 60, n % 2, "א " * 30) for n in range(3_600))
    assert len(said(lines, "srt")) == 3_600
    assert "longer than" in refused(lines * 3, "srt")["transcript"]
    with pytest.raises(Invalid, match="more than 2,000 turns"):
        interaction(lines, speakers={"*": "customer"})
