"""CloudEvents 1.0 over HTTP (binary, structured and in batches) with our own interaction as `data`.

Its senders send a key of ours with the scope ingest. What `data` lacks is taken of the event: `id`, `source` (a URI, without its scheme
and with colons for slashes) and, as `occurred_at`, `time`.
Sources: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md, formats/json-format.md and
http-webhook.md there.
"""

import base64
import json
import re
from urllib.parse import unquote

from service.channels.native import MAX_BATCH, check_interaction
from service.channels.webhook import Heard, Reply
from service.errors import Invalid, UnsupportedMediaType

NEEDS = ()
REQUIRED = ("specversion", "id", "source", "type")
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
_JSON = re.compile(r"[^/]+/([^/]+\+)?json")


def verify(delivery, account):
    """Nothing: the route asks for a key."""


def handshake(delivery, account):
    """The Reply that lets a sender deliver to us, as often as it likes; None where none asks for it (http-webhook.md, section 4)."""
    origin = delivery.headers.get("webhook-request-origin")
    if delivery.method != "OPTIONS" or not origin:
        return None
    return Reply(headers={"Allow": "POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})


def listen(delivery, account):
    """Heard of one event or a batch, all of it or nothing; raises BadRequest, UnsupportedMediaType and Invalid, which names the field."""
    kind = _media_type(delivery.headers.get("content-type", ""))
    heard = Heard()
    if kind == BATCH:
        events = delivery.json()
        if not isinstance(events, list) or len(events) > MAX_BATCH:
            raise _fault("body", f"must be an array of at most {MAX_BATCH} events")
        heard.interactions += [_to_interaction(event, account, index) for index, event in enumerate(events)]
    elif kind == STRUCTURED:
        heard.interactions.append(_to_interaction(delivery.json(), account))
    elif kind.startswith("application/cloudevents"):
        raise UnsupportedMediaType(f"send {STRUCTURED}, {BATCH}, or an event in binary mode")
    else:
        heard.interactions.append(_to_interaction(_of_headers(delivery, kind), account))
    return heard


def _media_type(value):
    return value.partition(";")[0].strip().lower()


def _of_headers(delivery, kind):
    """An event in binary mode, as it would be in structured mode."""
    event = {
        name.removeprefix("ce-"): unquote(value) for name, value in delivery.headers.items() if name.startswith("ce-")
    }
    _check_attributes(event, None)  # before the body, so that what is no event at all is told so
    _check_media_type(kind, None)
    return event | {"data": delivery.json()}


def _to_interaction(event, account, index=None):
    if not isinstance(event, dict):
        raise _fault("body", "must be an event, an object", index)
    _check_attributes(event, index)
    given = event.get("datacontenttype")
    _check_media_type(_media_type(given) if isinstance(given, str) else given, index)
    data = _data(event, index)
    if isinstance(data, dict):
        source = event["source"].rpartition("://")[2].strip("/").replace("/", ":")
        known = {"id": event["id"], "source": source} | ({"occurred_at": event["time"]} if event.get("time") else {})
        data = known | data
    try:
        return check_interaction(data, account.phone_region)
    except Invalid as error:
        raise Invalid(error.detail, [fault | {"index": index} for fault in error.errors]) from None


def _check_attributes(event, index):
    for name in REQUIRED:
        if not isinstance(event.get(name), str) or not event[name].strip():
            raise _fault(name, "must be given, as text", index)
    if event["specversion"] != "1.0":
        raise _fault("specversion", "must be 1.0", index)


def _check_media_type(kind, index):
    if kind and not (isinstance(kind, str) and _JSON.fullmatch(kind)):
        raise _fault("datacontenttype", "must be JSON: the data is an interaction", index)


def _data(event, index):
    if "data_base64" not in event:
        return event.get("data")
    if event.get("data") is not None:
        raise _fault("data_base64", "give either data or data_base64", index)
    try:
        return json.loads(base64.b64decode(event["data_base64"], validate=True))
    except (TypeError, ValueError, RecursionError):
        raise _fault("data_base64", "must be JSON in base64", index) from None


def _fault(field, message, index=None):
    return Invalid(f"{field}: {message}", [{"index": index, "field": field, "message": message}])
