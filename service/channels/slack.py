"""Slack: messages of the chosen channels, from the Events API.

Everybody who writes in a chosen channel is taken for a customer, but for bots and, in a channel shared by Slack Connect, those of the
workspace in which the app is installed: our own staff. Each who writes in a thread has a conversation of their own there.
Identity: `slack`, the writer's workspace and user id as TEAM:USER.
Sources: https://docs.slack.dev/authentication/verifying-requests-from-slack/, https://docs.slack.dev/apis/events-api/,
https://docs.slack.dev/reference/events/message/, https://docs.slack.dev/apis/slack-connect/
"""

import hashlib
import hmac
import re

from service.channels.webhook import Heard, Reply, dig, each, identity, known_id, verify_signature, verify_time

NEEDS = ("secret",)
SPOKEN = (None, "file_share", "thread_broadcast", "me_message")
LEFT_OUT = {"message_changed": "edited", "message_deleted": "deleted", "bot_message": "bot"}
_MARK = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_CODE_POINTS = re.compile(r"[0-9a-f]{2,5}(-[0-9a-f]{2,5})*")
_SKIN_TONE = re.compile(r":skin-tone-\d:")


def verify(delivery, account):
    """Let pass what is signed over `v0:timestamp:body` with a signing secret (v0, HMAC-SHA256); raises BadSignature."""
    timestamp = delivery.headers.get("x-slack-request-timestamp", "")
    signed = f"v0:{timestamp}:".encode() + delivery.body
    expected = [f"v0={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}" for secret in account.secrets]
    verify_signature([delivery.headers.get("x-slack-signature", "")], expected)
    verify_time(timestamp, delivery.at)


def handshake(delivery, account):
    """The Reply to url_verification, else None; raises BadRequest."""
    if delivery.method != "POST":
        return None  # nobody has verified it
    asked = delivery.json()
    challenge = known_id(dig(asked, "challenge", kind=str))
    return Reply({"challenge": challenge}) if dig(asked, "type") == "url_verification" and challenge else None


def listen(delivery, account):
    """Heard of an event_callback; raises BadRequest."""
    heard, payload = Heard(), delivery.json()
    event = dig(payload, "event", kind=dict)
    if dig(payload, "type") != "event_callback" or dig(event, "type") != "message":
        heard.ignore("other")
        return heard
    channel, user, at = (known_id(event.get(name)) for name in ("channel", "user", "ts"))
    subtype = dig(event, "subtype", kind=str)
    if account.chats and channel not in account.chats:
        heard.ignore("not_chosen")
    elif subtype not in SPOKEN:
        heard.ignore(LEFT_OUT.get(subtype, "other"))
    elif event.get("bot_id") or user == "USLACKBOT":
        heard.ignore("bot")
    elif _is_staff(payload, event):
        heard.ignore("outgoing")
    elif not (channel and user and at):
        heard.ignore("malformed")
    else:
        thread = known_id(event.get("thread_ts")) or ("" if event.get("channel_type") == "im" else at)
        heard.add(
            id=f"{channel}:{at}",
            at=at,
            channel="chat",
            received_at=delivery.at,
            conversation=f"{channel}:{thread}:{user}",
            text=_plain(event),
            identity=identity("slack", f"{_team(event) or known_id(payload.get('team_id'))}:{user}"),
            attributes={"channel": channel},
        )
    return heard


def _team(event):
    """The workspace of the writer, "" where it isn't told."""
    return known_id(event.get("user_team")) or known_id(event.get("team"))


def _is_staff(payload, event):
    """Whether the writer of a message in a shared channel is of the workspace that has installed the app.

    That is the one of `authorizations`: team_id may be the workspace which has shared the channel.
    """
    ours = {known_id(one.get(name)) for one in each(payload, "authorizations") for name in ("team_id", "enterprise_id")}
    return payload.get("is_ext_shared_channel") is True and _team(event) in ours - {""}


def _plain(event):
    """The text of a message without Slack's marks: names and labels instead of links, emoji instead of their names."""
    text = dig(event, "text", kind=str)
    if text is None:
        return None
    text = _MARK.sub(_say, text)
    for name, emoji in _emoji(event).items():
        text = text.replace(f":{name}:", emoji)
    # The ampersand last, or `&amp;lt;` would become `<`.
    return _SKIN_TONE.sub("", text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _say(mark):
    kind, value, named = mark.groups()
    sign = kind if kind != "!" else "" if named else "@"  # <!here>, but also <!date^1732814169^{date}|28 November>
    return sign + (named or value).removeprefix(sign)


def _emoji(event):
    """{name: emoji} of those that the blocks of a message tell of."""
    found, blocks = {}, each(event, "blocks")
    while blocks:
        block = blocks.pop()
        blocks += each(block, "elements")
        name, points = dig(block, "name", kind=str), dig(block, "unicode", kind=str)
        if block.get("type") == "emoji" and name and points and _CODE_POINTS.fullmatch(points):
            found[name] = "".join(chr(int(point, 16)) for point in points.split("-"))
    return found
