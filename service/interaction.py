"""What a customer and a company said to each other, once, in one place: the form every channel is turned into (pure)."""

from dataclasses import dataclass
from datetime import datetime

CHANNELS = ("chat", "call", "social", "email", "sms", "survey", "review")
SPEAKERS = ("customer", "agent", "bot")
EVENT_KINDS = (
    "churned",
    "cancelled",
    "renewed",
    "purchase",
    "refund",
    "complaint_opened",
    "complaint_resolved",
    "app_uninstalled",
    "unsubscribed",
    "disliked",
    "page_visited",
    "cart_abandoned",
    "won_back",
)
MAX_TURNS = 2_000  # of one interaction
RATING_RANGES = {"csat": (1, 5), "nps": (0, 10), "stars": (1, 5)}


@dataclass(frozen=True)
class Identity:
    """A way in which a customer is known outside: a phone, an e-mail, a social handle."""

    kind: str
    value: str


@dataclass(frozen=True)
class Turn:
    """One stretch of speech; start_s and end_s are seconds from the beginning of the conversation, or None.

    reading is what another system has read in it, in the form in which readings are stored; None leaves it to the model.
    id is the sender's own, by which a repeated send is known; confidence, in [0, 1], is the speech recogniser's.
    """

    speaker: str
    text: str
    start_s: float | None = None
    end_s: float | None = None
    reading: dict | None = None
    id: str | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class Interaction:
    """`id` is the sender's own, unique with `source`. Either customer_id or identity is set. Times are aware UTC.

    aliases are further identities of the same customer, as the sender knows them.
    open tells that more turns will be appended; turns may be empty where a rating came alone.
    """

    source: str
    id: str
    channel: str
    occurred_at: datetime
    turns: tuple[Turn, ...]
    customer_id: str | None = None
    identity: Identity | None = None
    stage: str | None = None
    agent: str | None = None
    team: str | None = None
    rating: dict | None = None
    attributes: dict | None = None
    open: bool = False
    aliases: tuple[Identity, ...] = ()


@dataclass(frozen=True)
class Message:
    """One thing said in an outside conversation, as a webhook tells of it; `id` is the sender's own.

    conversation is the sender's own id of a conversation that goes on over many messages; None: it stands alone (a post,
    a review). text is None where only a rating came, or where the conversation `ended`. Either customer_id or identity is set,
    neither where all that is told is the ending.
    """

    id: str
    occurred_at: datetime
    channel: str
    conversation: str | None = None
    text: str | None = None
    customer_id: str | None = None
    identity: Identity | None = None
    aliases: tuple[Identity, ...] = ()
    rating: dict | None = None
    agent: str | None = None
    team: str | None = None
    attributes: dict | None = None
    ended: bool = False


@dataclass(frozen=True)
class Happening:
    """Something a customer did or that happened to them, as a company sends it; kind is one of EVENT_KINDS, the rest as in Interaction."""

    source: str
    id: str
    kind: str
    occurred_at: datetime
    customer_id: str | None = None
    identity: Identity | None = None
    attributes: dict | None = None
