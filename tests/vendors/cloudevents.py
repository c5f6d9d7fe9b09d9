"""CloudEvents, written by their own library."""

import json
from datetime import UTC, datetime

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from tests.vendors import Sample

SECRET = WRONG = None  # a key of ours is sent instead
SETTINGS = None
SIGNS_TIME = False

INTERACTION = {
    "id": "survey-5531",
    "source": "surveys",
    "channel": "survey",
    "customer": {"id": "noam-peretz"},
    "occurred_at": "2026-11-19T17:45:00+02:00",
    "text": "הטכנאי איחר בארבע שעות ואף אחד לא טרח להתקשר. אכזבתם אותי מאוד.",
    "rating": {"kind": "nps", "value": 2},
}
BATCH = {"content-type": "application/cloudevents-batch+json; charset=UTF-8"}


def event(data, **attributes):
    """A CloudEvent of the library around `data`, with these attributes besides those that it must have."""
    known = {
        "type": "com.example.survey.answered",
        "source": "https://surveys.example.com/il/churn",
        "id": "answer-901",
    }
    known |= {"time": datetime(2026, 11, 19, 15, 45, 2, tzinfo=UTC), "datacontenttype": "application/json"}
    return CloudEvent(known | attributes, data)


def binary(name, data, customer="noam-peretz", **attributes):
    message = to_binary_event(event(data, **attributes))
    return Sample(name, message.body, customer, headers=message.headers)


def structured(name, data, customer="noam-peretz", **attributes):
    message = to_structured_event(event(data, **attributes))
    return Sample(name, message.body, customer, headers=message.headers)


def batch(name, *events, customer="noam-peretz"):
    body = b"[" + b",".join(to_structured_event(one).body for one in events) + b"]"
    return Sample(name, body, customer, len(events), BATCH)


ANOTHER = INTERACTION | {"id": "survey-5532", "text": "אחרי השיחה עם המנהלת הכול הסתדר, תודה על הסבלנות"}
BARE = {name: INTERACTION[name] for name in INTERACTION if name not in ("id", "source", "occurred_at")}

SAMPLES = [
    binary("binary", INTERACTION),
    binary("binary, of a JSON type of its own", INTERACTION, datacontenttype="application/vnd.moodline.v1+json"),
    structured("structured", INTERACTION),
    structured("structured, without what the event itself tells", BARE),
    structured("structured, data in base64", json.dumps(INTERACTION, ensure_ascii=False).encode()),
    batch("a batch", event(INTERACTION), event(ANOTHER, id="answer-902")),
]
LEFT_OUT = []


def sign(sample, secret, at):
    """The headers of the sample: nothing is signed."""
    return sample.headers
