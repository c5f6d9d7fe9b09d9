"""Facebook Pages (comments, posts, reviews, Messenger) and Instagram (comments, direct messages) by Meta's webhooks.

Identities: `facebook` is a person's id for one Page, `instagram` a person's id for one Instagram account, the same in public and in
direct messages; the user name of an Instagram comment is an alias of the kind `instagram`.
Sources: https://developers.facebook.com/docs/graph-api/webhooks/getting-started,
https://developers.facebook.com/docs/graph-api/webhooks/reference/page,
https://developers.facebook.com/docs/messenger-platform/webhooks,
https://developers.facebook.com/docs/instagram-platform/webhooks/examples
"""

import hashlib
import hmac

from service.channels.webhook import Heard, Reply, dig, each, handle, identity, kept, known_id, verify_signature
from service.errors import Forbidden

NEEDS = ("secret", "verify_token")
KINDS = {"page": "facebook", "instagram": "instagram"}
POSTED = {"comment", "post", "status", "photo", "video", "link", "share", "rating"}
VERBS = {"edit": "edited", "edited": "edited", "update": "edited", "remove": "deleted", "delete": "deleted"}


def verify(delivery, account):
    """Let pass what is signed with the app's secret over the body's bytes as they came; raises BadSignature.

    Meta escapes every letter that is not ASCII and signs that, so a body that was parsed and written again would no longer fit.
    """
    expected = [
        "sha256=" + hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest() for secret in account.secrets
    ]
    verify_signature([delivery.headers.get("x-hub-signature-256", "")], expected)


def handshake(delivery, account):
    """The Reply to the question whether we know the verify token, which is the challenge; None to a delivery. Raises Forbidden."""
    if delivery.method != "GET":
        return None
    token = delivery.asked("hub.verify_token").encode()
    if delivery.asked("hub.mode") != "subscribe" or not hmac.compare_digest(token, account.verify_token.encode()):
        raise Forbidden("the verify token is not the one in MOODLINE_WEBHOOKS")
    return Reply(delivery.asked("hub.challenge"))


def listen(delivery, account):
    """Heard of `{"object", "entry"}`: of a Page or an Instagram account, what people write to it; raises BadRequest."""
    heard, payload = Heard(), delivery.json()
    kind = KINDS.get(known_id(dig(payload, "object")))
    entries = each(payload, "entry")
    if not entries:
        heard.ignore("malformed")
    for entry in entries:
        if kind:
            _listen_to_entry(heard, entry, kind, delivery.at)
        else:
            heard.ignore("other")
    return heard


def _listen_to_entry(heard, entry, kind, received_at):
    owner = known_id(dig(entry, "id"))
    if not owner:
        return heard.ignore("malformed")
    # While another app or the Page's inbox answers, the same messages come as `standby`.
    messages = [*each(entry, "messaging"), *each(entry, "standby")]
    # With Instagram's own login, one change lies in the entry itself.
    changes = each(entry, "changes") or ([entry] if "field" in entry else [])
    for event in messages:
        _listen_to_message(heard, event, owner, kind, received_at)
    for change in changes:
        field, value = dig(change, "field"), dig(change, "value", kind=dict)
        if value is None:
            heard.ignore("malformed")
        elif dig(value, "sender", "id"):
            _listen_to_message(heard, value, owner, kind, received_at)
        elif kind == "facebook" and field in ("feed", "mention", "ratings"):
            _listen_to_post(heard, value, owner, received_at)
        elif kind == "instagram" and field in ("comments", "live_comments"):
            _listen_to_comment(heard, value, owner, dig(entry, "time"), received_at)
        else:
            heard.ignore("other")
    if not messages and not changes:
        heard.ignore("other")
    return None


def _listen_to_message(heard, event, owner, kind, received_at):
    """Of a direct conversation: a message, a tap on a button, or a reaction to what was said."""
    sender, sent_at = known_id(dig(event, "sender", "id")), known_id(dig(event, "timestamp"))
    made_id = sent_at and f"{sender}-{sent_at}"  # a tap or a reaction may come without an id
    message, postback, reaction = (dig(event, name, kind=dict) for name in ("message", "postback", "reaction"))
    if reason := _reason_against(event, message, reaction, sender == owner):
        return heard.ignore(reason)
    if message is not None:
        id, text = dig(message, "mid"), dig(message, "text")
    elif postback is not None:
        id, text = dig(postback, "mid") or made_id, dig(postback, "title")
    elif reaction is not None:
        id, text = made_id, dig(reaction, "emoji")
    else:
        return heard.ignore("other")
    return heard.add(
        id=id,
        at=sent_at,
        channel="chat",
        received_at=received_at,
        conversation=f"{owner}-{sender}",
        text=text,
        identity=identity(kind, sender),
        attributes={"account_id": owner},
    )


def _reason_against(event, message, reaction, ours):
    if "read" in event or "delivery" in event:
        return "delivery"
    if "message_edit" in event:
        return "edited"
    if dig(message, "is_deleted") is True:
        return "deleted"
    if ours or dig(message, "is_echo") is True or dig(event, "is_self") is True:
        return "echo"
    return "reaction_removed" if dig(reaction, "action") == "unreact" else None


def _listen_to_post(heard, value, owner, received_at):
    """Of a Page: a post of a visitor, a comment, a mention or a review."""
    item, verb = known_id(dig(value, "item")), known_id(dig(value, "verb"))
    author = dig(value, "from", "id") or dig(value, "sender_id") or dig(value, "reviewer_id")
    if item not in POSTED:
        return heard.ignore("other")
    if known_id(author) == owner:
        return heard.ignore("echo")
    if verb != "add":
        return heard.ignore(VERBS.get(verb, "other"))
    stars = dig(value, "rating") if item == "rating" else None
    return heard.add(
        id=dig(value, {"comment": "comment_id", "rating": "open_graph_story_id"}.get(item, "post_id")),
        at=dig(value, "created_time"),
        channel="review" if item == "rating" else "social",
        received_at=received_at,
        text=dig(value, "message") or dig(value, "review_text"),
        rating=None if stars is None else ("stars", stars),
        identity=identity("facebook", author),
        attributes=kept(value, "post_id", "parent_id", "recommendation_type"),
    )


def _listen_to_comment(heard, value, owner, sent_at, received_at):
    """Of an Instagram account: a comment on what it has posted, or on its live video."""
    author = dig(value, "from")
    if known_id(dig(author, "id")) == owner or dig(author, "self_ig_scoped_id"):
        return heard.ignore("echo")
    return heard.add(
        id=dig(value, "id") or dig(value, "comment_id"),
        at=sent_at,
        channel="social",
        received_at=received_at,
        text=dig(value, "text"),
        identity=identity("instagram", dig(author, "id")),
        aliases=(handle("instagram", dig(author, "username")),),
        attributes=kept(dig(value, "media"), "id", "media_product_type"),
    )
