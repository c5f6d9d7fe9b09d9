"""What every webhook shares: the request as it came, the account it is for, its signature, and lenient ways into its payload (pure)."""

import hmac
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from service.channels.native import CLOCK_SKEW, EARLIEST, MAX_TURN_CHARACTERS, IdentityIn, to_identity
from service.errors import BadRequest, BadSignature
from service.interaction import RATING_RANGES, Interaction, Message
from service.text import is_unicode, is_visible

TOLERANCE = timedelta(minutes=5)
MAX_ID = 180  # an interaction's id, with the day behind it, fits its column
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Account:
    """One account of a source, as the setting `webhooks` describes it. secrets: any of them may sign, so that one can be changed.

    chats: the chats or channels to listen to, all where it is empty; url: ours as the sender calls it, where the sender signs it.
    """

    name: str = ""
    secrets: tuple[str, ...] = ()
    verify_token: str = ""
    unsigned: bool = False
    chats: frozenset[str] = frozenset()
    url: str = ""
    phone_region: str = "IL"

    def own(self, id):
        """An id that is unique within the account alone, made unique among the source's accounts."""
        return f"{self.name}:{id}" if self.name else str(id)


@dataclass(frozen=True)
class Delivery:
    """A request as it came. headers has lower-case names; query is (name, value) pairs; url is the one that was called; at is aware UTC."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes
    at: datetime

    def asked(self, name):
        """The first value of a query parameter, "" where it is missing."""
        return next((value for given, value in self.query if given == name), "")

    def json(self):
        """The body as JSON; raises BadRequest."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            message = "is not valid JSON"
            raise BadRequest(f"the body {message}", [{"index": None, "field": "body", "message": message}]) from None

    def form(self):
        """The body as (name, value) pairs of a form; raises BadRequest."""
        try:
            return parse_qsl(
                self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body), errors="strict"
            )
        except ValueError:
            message = "is not a form in UTF-8"
            raise BadRequest(f"the body {message}", [{"index": None, "field": "body", "message": message}]) from None


@dataclass(frozen=True)
class Reply:
    """What a handshake is answered with."""

    body: str | dict = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Heard:
    """What one delivery told: messages, whole interactions of our own contract, and how much was left out, by reason."""

    messages: list[Message] = field(default_factory=list)
    interactions: list[Interaction] = field(default_factory=list)
    ignored: Counter = field(default_factory=Counter)

    def ignore(self, reason):
        """Count something that is no customer's feedback. Reasons are words of ours (`echo`, `outgoing`), never of the payload."""
        self.ignored[reason] += 1

    def add(self, *, id, at, channel, received_at, conversation=None, text=None, rating=None, ended=False, **fields):
        """Add a Message of parts as a payload has them, or count why it can't be one: `malformed`, `no_author` or `no_text`.

        `at`: seconds or milliseconds since 1970 or ISO 8601; what is missing or impossible becomes `received_at`. identity and aliases are
        Identities or None; rating is (kind, value) or None, left out where it is beyond its range.
        """
        id, conversation = known_id(id), None if conversation is None else known_id(conversation)
        identity, customer_id = fields.pop("identity", None), known_id(fields.pop("customer_id", None))
        text = spoken(text)
        aliases = tuple(alias for alias in dict.fromkeys(fields.pop("aliases", ())) if alias not in (None, identity))
        rated = rating and rating_of(*rating)
        closes = ended and text is None and rated is None  # whose conversation it was is known
        if not id or conversation == "":
            return self.ignore("malformed")
        if not (identity or customer_id or closes):
            return self.ignore("no_author")
        if text is None and rated is None and (rating is not None or not ended):
            return self.ignore("no_text" if rating is None else "malformed")
        self.messages.append(
            Message(
                id=id,
                occurred_at=time_of(at, received_at),
                channel=channel,
                conversation=conversation,
                text=text,
                customer_id=customer_id or None,
                identity=None if customer_id else identity,
                aliases=(identity, *aliases) if customer_id and identity else aliases,
                rating=rated,
                agent=label(fields.pop("agent", None), 200),
                team=label(fields.pop("team", None), 64),
                ended=ended,
                **fields,
            )
        )


def verify_signature(claimed, expected):
    """Let pass only where one of the `claimed` signatures is one of those `expected`, compared in constant time; raises BadSignature."""
    # Every pair is compared: how many there are is no secret, which of them fits is.
    fits = [hmac.compare_digest(one.encode(), other.encode()) for one in claimed for other in expected]
    if not any(fits):
        raise BadSignature("the signature does not fit the body: check the secret in MOODLINE_WEBHOOKS")


def verify_time(stamp, now):
    """Let pass only what was signed within TOLERANCE of `now`; raises BadSignature.

    `stamp`: the signed time as text, seconds since 1970 or ISO 8601 with a zone.
    """
    try:
        signed_at = datetime.fromisoformat(stamp) if "T" in stamp else datetime.fromtimestamp(int(stamp), UTC)
        late = abs(now - signed_at) > TOLERANCE
    except (ValueError, TypeError, OverflowError, OSError):
        raise BadSignature("the signed timestamp can't be read") from None
    if late:
        raise BadSignature("the signature is older than 5 minutes, or from the future")


def dig(value, *path, kind=object):
    """What lies at the path of keys and places within parsed JSON, where it is of `kind` (a type or several), else None."""
    for step in path:
        try:
            value = value[step] if isinstance(value, dict if isinstance(step, str) else list) else None
        except (KeyError, IndexError):
            return None
    return (
        value
        if isinstance(value, kind) and not (kind is not object and isinstance(value, bool) and kind is not bool)
        else None
    )


def each(value, *path):
    """The objects of the list at the path, nothing where there is no list."""
    return [one for one in dig(value, *path, kind=list) or () if isinstance(one, dict)]


def known_id(value):
    """An id of a payload (text or whole number) as text, "" where it is missing or can't be one."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40:
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID or _CONTROL.search(value) or not is_unicode(value):
        return ""
    return value.strip()


def label(value, most):
    """A name of a payload, cut to `most` characters; None where it is missing or blank."""
    if not isinstance(value, str) or not is_unicode(value):
        return None
    return _CONTROL.sub(" ", value).strip()[:most].strip() or None


def spoken(value):
    """A text as it can be stored: without NULs and half characters, at most MAX_TURN_CHARACTERS; None where nothing is left."""
    if not isinstance(value, str):
        return None
    kept = value[:MAX_TURN_CHARACTERS].replace("\0", "")
    kept = kept if is_unicode(kept) else kept.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return kept if is_visible(kept) else None


def identity(kind, value, phone_region="IL"):
    """Identity of an id of a payload in its one written form (native.to_identity), None where it is missing."""
    value = known_id(value)
    return to_identity(IdentityIn.model_construct(kind=kind, value=value), phone_region) if value else None


def handle(kind, name):
    """Identity of a public name that its owner may change, None where it is missing or, of digits alone, could be another's id."""
    name = known_id(name)
    return None if name.removeprefix("@").isdecimal() else identity(kind, name)


def kept(value, *names):
    """Attributes of a message: those of the object's fields that are short texts or whole numbers, None where there are none."""
    return {name: found for name in names if (found := known_id(dig(value, name)))} or None


def rating_of(kind, value):
    """A rating as it is stored, None where the value is no number within the kind's range."""
    least, most = RATING_RANGES[kind]
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return {"kind": kind, "value": number} if least <= number <= most else None


def time_of(value, received_at):
    """Aware UTC time of seconds or milliseconds since 1970 (number or digits) or ISO 8601 with a zone; what can't be, is `received_at`."""
    try:
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdecimal():
            found = datetime.fromisoformat(value.strip())
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            seconds = float(value)
            found = datetime.fromtimestamp(seconds / 1000 if seconds > 10**11 else seconds, UTC)
        else:
            return received_at
        found = found.astimezone(UTC) if found.tzinfo else received_at
    except (ValueError, OverflowError, OSError):
        return received_at
    return found if EARLIEST < found <= received_at + CLOCK_SKEW else received_at
