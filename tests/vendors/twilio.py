"""Twilio, signed by its own library."""

import hashlib
import json
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode

from twilio.request_validator import RequestValidator

from tests.vendors import URL, Sample

SECRET, WRONG = "12345f2c9e0b4d7a8c6e5d4f3a2b1c0d", "00000f2c9e0b4d7a8c6e5d4f3a2b1c0d"
PLACE = f"{URL}/v1/webhooks/twilio"
SETTINGS = {"secret": SECRET, "url": PLACE}
SIGNS_TIME = False

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
PHONE, WHATSAPP = ("phone", "+972505550142"), ("phone", "+972545550177")
ADDED = {
    "EventType": "onMessageAdded",
    "Attributes": "{}",
    "DateCreated": "2026-11-21T07:12:45.674Z",
    "Index": "4",
    "MessageSid": "IM0e30471ca07642c98e69588f6c45872b",
    "AccountSid": "AC2f1b7a0c9d8e4f5a6b3c2d1e0f9a8b7c",
    "Source": "SMS",
    "RetryCount": "0",
    "Author": "+972505550142",
    "ParticipantSid": "MB54907865d0eb407c8208e228dd6a4216",
    "Body": "שילמתי על משלוח מהיר וזה יום חמישי שאין חבילה. מה קורה איתכם?",
    "ConversationSid": "CHc97669141a784c92a74c296c84850d25",
}
STATE = {
    "EventType": "onConversationStateUpdated",
    "ConversationSid": ADDED["ConversationSid"],
    "AccountSid": ADDED["AccountSid"],
    "StateFrom": "inactive",
    "StateTo": "closed",
    "Reason": "API",
    "StateUpdated": "2026-11-21T07:40:00.120Z",
    "RetryCount": "0",
}
MESSENGER = {"MessageSid": "FB1b2c", "From": "messenger:4471093926", "To": "messenger:1093"}
SMS = {
    "ToCountry": "IL",
    "ToState": "",
    "SmsMessageSid": "SM77d1e0a4b5c64f3e9a2b8c7d6e5f4a3b",
    "NumMedia": "0",
    "ToCity": "",
    "FromZip": "",
    "SmsSid": "SM77d1e0a4b5c64f3e9a2b8c7d6e5f4a3b",
    "FromState": "",
    "SmsStatus": "received",
    "FromCity": "",
    "Body": "תודה רבה! הנציגה פתרה לי את הכול בשתי דקות 🙏",
    "FromCountry": "IL",
    "To": "+97233760000",
    "MessagingServiceSid": "MG9752274e9e519418a7406176694466fa",
    "ToZip": "",
    "NumSegments": "2",
    "MessageSid": "SM77d1e0a4b5c64f3e9a2b8c7d6e5f4a3b",
    "AccountSid": ADDED["AccountSid"],
    "From": "+972505550142",
    "ApiVersion": "2010-04-01",
}
WHATSAPP_FORM = SMS | {
    "From": "whatsapp:+972545550177",
    "To": "whatsapp:+97233760000",
    "WaId": "972545550177",
    "ProfileName": "אורית",
    "MessageType": "text",
    "Body": "האפליקציה שוב קורסת בכל פעם שאני מנסה לשלם",
}
STATUS = {
    "SmsSid": "SM10033cb1d0d44a4f8f1e6a0f1c2b3a4d",
    "SmsStatus": "delivered",
    "MessageStatus": "delivered",
    "To": "+972505550142",
    "MessageSid": "SM10033cb1d0d44a4f8f1e6a0f1c2b3a4d",
    "AccountSid": ADDED["AccountSid"],
    "From": "+97233760000",
    "ApiVersion": "2010-04-01",
}
INBOUND = {
    "messageSid": "SM0000000000000000000000000000071",
    "timestamp": "2026-11-20T12:03:11.000Z",
    "accountSid": ADDED["AccountSid"],
    "eventName": "com.twilio.messaging.inbound-message.received",
    "from": "+972505550142",
    "to": "+97233760000",
    "numMedia": 0,
    "body": "חויבתי שוב על מנוי שביטלתי לפני חודש, תחזירו לי את הכסף",
    "toCountry": "IL",
    "fromCountry": "IL",
    "recipients": [],
}
MESSAGE = {
    "AccountSid": ADDED["AccountSid"],
    "Author": "whatsapp:+972545550177",
    "ParticipantSid": "MBe95cfd541a925a3337fec19a0200009",
    "ConversationSid": "CHee95cfd541a925a3337fec19a0200009",
    "MessageSid": "IMee95cfd541a925a3337fec19a0200009",
    "Index": 10,
    "MessageBody": "עדיין מחכה לתשובה, כבר שעה וחצי",
    "DateCreated": "2026-11-20T18:30:00.000Z",
}


@dataclass(frozen=True)
class Streamed(Sample):
    """Of Event Streams: the URL has the body's hash."""

    def with_body(self, body):
        return replace(self, body=body, query=f"bodySHA256={hashlib.sha256(body).hexdigest()}")


def form(name, told, customer=None, accepted=1):
    return Sample(name, urlencode(told).encode(), customer, accepted, FORM)


def stream(name, *events, customer=None):
    """Events of (type, data) as Event Streams posts them, several at once."""
    written = [
        {
            "specversion": "1.0",
            "type": kind,
            "source": "AB00000000000000000000000000000001",
            "id": f"NO0000000000000000000000000000000{place}",
            "dataschema": "https://events-schemas.twilio.com/Messaging.InboundMessageV1/6",
            "datacontenttype": "application/json",
            "time": "2026-11-20T18:30:01.000Z",
            "data": data,
        }
        for place, (kind, data) in enumerate(events)
    ]
    body = json.dumps(written, ensure_ascii=False).encode()
    return Streamed(name, b"", customer, len(events)).with_body(body)


SAMPLES = [
    form("a text message of a conversation", ADDED, PHONE),
    form("WhatsApp in a conversation", ADDED | {"Source": "WHATSAPP", "Author": "whatsapp:+972545550177"}, WHATSAPP),
    form("e-mail in a conversation", ADDED | {"Source": "EMAIL", "Author": "Shira@Example.org"}, ("email", "shira@example.org")),
    form("a plain text message", SMS, PHONE),
    form("a plain WhatsApp message", WHATSAPP_FORM, WHATSAPP),
    form("Messenger", SMS | MESSENGER, ("facebook", "4471093926")),
    stream("a text message of Event Streams", ("com.twilio.messaging.inbound-message.received", INBOUND), customer=PHONE),
    stream(
        "several events",
        ("com.twilio.conversations.message.added", MESSAGE),
        ("com.twilio.messaging.inbound-message.received", INBOUND | {"from": "whatsapp:+972545550177"}),
        customer=WHATSAPP,
    ),
]  # fmt: skip
LEFT_OUT = [
    (form("an agent's message", ADDED | {"Source": "SDK", "ClientIdentity": "noa", "Author": "noa"}), "outgoing"),
    (form("our bot's message", ADDED | {"Source": "API", "Author": "system"}), "outgoing"),
    (form("sent for us in a customer's name", ADDED | {"Source": "API"}), "outgoing"),
    (stream("an agent's event", ("com.twilio.conversations.message.added", MESSAGE | {"Author": "noa@corp.example"})), "outgoing"),
    (form("a picture", ADDED | {"Body": "", "Media": '[{"Sid":"ME1","ContentType":"image/png"}]'}), "no_text"),
    (form("an edited message", ADDED | {"EventType": "onMessageUpdated", "ModifiedBy": "+972505550142"}), "edited"),
    (form("a removed message", ADDED | {"EventType": "onMessageRemoved"}), "deleted"),
    (form("a conversation grown quiet", STATE | {"StateFrom": "active", "StateTo": "inactive"}), "status"),
    (form("a receipt", STATUS), "delivery"),
    (form("a receipt of WhatsApp", STATUS | {"EventType": "READ", "MessageStatus": "read"}), "delivery"),
    (form("a receipt of a conversation", STATE | {"EventType": "onDeliveryUpdated", "Status": "read"}), "delivery"),
    (stream("a receipt's event", ("com.twilio.messaging.message.delivered", {"messageSid": "SM1"})), "delivery"),
    (form("before it is added", ADDED | {"EventType": "onMessageAdd"}), "other"),
    (form("somebody joins", {"EventType": "onParticipantAdded", "Identity": "noa"}), "other"),
    (stream("a call", ("com.twilio.voice.insights.call-summary.complete", {"call_sid": "CA1"})), "other"),
    (form("a message of nobody", ADDED | {"Author": ""}), "no_author"),
]  # fmt: skip


class Parameters(dict):
    """A form's parameters in the shape in which the library takes repeated names."""

    def getlist(self, name):
        return self[name]


def sign(sample, secret, at, place=PLACE, algorithm=None):
    validator, url = RequestValidator(secret), f"{place}?{sample.query}" if sample.query else place
    parameters = (
        {} if sample.query else Parameters(parse_qs(sample.body.decode(), keep_blank_values=True, errors="strict"))
    )
    return {**sample.headers, "x-twilio-signature": validator.compute_signature(url, parameters, algorithm)}
