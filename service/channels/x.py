"""X by the webhooks of its Account Activity API: mentions, replies, quotes and direct messages.

Identities: `x` is a person's numeric id, and the public name (@name), which its owner may change, an alias of the same kind; a public
name of digits alone is left out, since it could be another's id.
Sources: https://docs.x.com/enterprise-api/account-activity/introduction, https://docs.x.com/x-api/webhooks/introduction,
https://developer.x.com/en/docs/x-api/premium/account-activity-api/guides/account-activity-data-objects
"""

import base64
import hashlib
import hmac
import re
from datetime import datetime
from html import unescape

from service.channels.webhook import Heard, Reply, dig, each, handle, identity, kept, known_id, verify_signature
from service.errors import Forbidden

NEEDS = ("secret",)
CHALLENGE = re.compile(r"[A-Za-z0-9._~+/=-]{1,500}")
# A long post's `text` is only its beginning.
TEXTS = (
    ("note_tweet", "note_tweet_results", "result", "text"),
    ("note_tweet", "text"),
    ("extended_tweet", "full_text"),
    ("full_text",),
    ("text",),
)
REASONS = {"tweet_delete_events": "deleted", "direct_message_mark_read_events": "delivery"}


def verify(delivery, account):
    """Let pass what is signed with the app's consumer secret over the body's bytes; raises BadSignature."""
    expected = [_sign(secret, delivery.body) for secret in account.secrets]
    verify_signature([delivery.headers.get("x-twitter-webhooks-signature", "")], expected)


def _sign(secret, signed):
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def handshake(delivery, account):
    """The Reply to the challenge (CRC) that X sends every hour, signed with the first of the secrets; None to a delivery.

    Raises Forbidden where the challenge could be a delivery's body.
    """
    token = delivery.asked("crc_token")
    if delivery.method != "GET" or not token or not account.secrets:
        return None
    # Anybody may ask, and deliveries are signed alike: who had us sign JSON here could send it as a delivery of X's.
    if not CHALLENGE.fullmatch(token):
        raise Forbidden("the challenge is not in the form that X gives")
    return Reply({"response_token": _sign(account.secrets[0], token.encode())})


def listen(delivery, account):
    """Heard of `{"for_user_id", "…_events"}`, what concerns the subscribed account; raises BadRequest."""
    heard, payload = Heard(), delivery.json()
    us = known_id(dig(payload, "for_user_id"))
    events = [(name, one) for name in dig(payload, kind=dict) or () for one in each(payload, name)]
    for name, event in events:
        if name == "tweet_create_events" and us:
            _listen_to_post(heard, event, us, delivery.at)
        elif name == "direct_message_events" and us:
            _listen_to_message(heard, event, us, dig(payload, "users"), delivery.at)
        else:
            heard.ignore(REASONS.get(name, "other") if us else "malformed")
    if not events:
        heard.ignore("other" if dig(payload, "user_event", kind=dict) else "malformed")
    return heard


def _listen_to_post(heard, post, us, received_at):
    author = dig(post, "user")
    author_id = known_id(dig(author, "id_str")) or known_id(dig(author, "id"))
    if author_id == us:
        return heard.ignore("echo")
    if dig(post, "retweeted_status", kind=dict):
        return heard.ignore("other")
    return heard.add(
        id=known_id(dig(post, "id_str")) or dig(post, "id"),
        at=dig(post, "timestamp_ms") or _iso(dig(post, "created_at")),
        channel="social",
        received_at=received_at,
        text=_text(post, *TEXTS),
        identity=identity("x", author_id),
        aliases=(handle("x", dig(author, "screen_name")),),
        attributes=kept(post, "in_reply_to_status_id_str", "quoted_status_id_str"),
    )


def _listen_to_message(heard, event, us, users, received_at):
    sender = known_id(dig(event, "message_create", "sender_id"))
    if dig(event, "type") != "message_create":
        return heard.ignore("other")
    if sender == us:
        return heard.ignore("echo")
    return heard.add(
        id=dig(event, "id"),
        at=dig(event, "created_timestamp"),
        channel="chat",
        received_at=received_at,
        conversation=f"{us}-{sender}",
        text=_text(event, ("message_create", "message_data", "text")),
        identity=identity("x", sender),
        aliases=(handle("x", dig(users, sender, "screen_name")),),
    )


def _text(value, *paths):
    text = next((found for path in paths if (found := dig(value, *path, kind=str))), None)
    return text and unescape(text)  # X writes &, < and > as in HTML


def _iso(created_at):
    """ISO 8601 of a time as X writes it (`Fri Nov 20 07:30:00 +0000 2026`), None where it is none."""
    try:
        return datetime.strptime(created_at, "%a %b %d %H:%M:%S %z %Y").isoformat()
    except (TypeError, ValueError):
        return None
