"""Our own JSON contract → Interaction. Strict: whatever it does not know, it refuses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import phonenumbers
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from service.errors import Invalid, faults_of
from service.interaction import (
    CHANNELS,
    EVENT_KINDS,
    MAX_TURNS,
    RATING_RANGES,
    SPEAKERS,
    Happening,
    Identity,
    Interaction,
    Turn,
)
from service.sentiment.reading import CHURN_INTENT, SENTIMENTS, Reading
from service.text import is_visible

MAX_TURN_CHARACTERS = 100_000
MAX_BATCH = 500
MAX_ATTRIBUTES_CHARACTERS = 16_384
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=10)


def _no_control(value):
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise PydanticCustomError("control", "must not hold control characters")
    if not value.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return value


def _no_slash(value):
    if "/" in value:
        raise PydanticCustomError("slash", "must not hold a slash")
    return value


def _visible(value):
    if "\0" in value:
        raise PydanticCustomError("nul", "must not hold a NUL character")
    if not is_visible(value):
        raise PydanticCustomError("blank", "must not be blank")
    return value


def _known_time(value):
    if not value >= EARLIEST:
        raise PydanticCustomError("too_early", "must not be before 1970")
    if value > datetime.now(UTC) + CLOCK_SKEW:
        raise PydanticCustomError("future", "must not be in the future")
    return value


def _asked(value):
    if isinstance(value, str) and "T" not in value.upper():
        raise PydanticCustomError("iso", "must be an ISO 8601 time with a zone, such as 2026-11-21T09:30:00+02:00")
    # A plus sign that was not escaped in a URL comes as a space.
    return value.replace(" ", "+") if isinstance(value, str) and "T" in value else value


def _possible_time(value):
    # Far from both ends of the calendar: times are moved to UTC and back.
    if not 1900 <= value.year <= 2200:
        raise PydanticCustomError("year", "must be of a year from 1900 to 2200")
    return value


def _iso(value):
    # A bare number would be read as seconds since 1970; the contract is ISO 8601 alone.
    if not isinstance(value, str | datetime):
        raise PydanticCustomError("iso", "must be an ISO 8601 time with a zone, such as 2026-11-21T09:30:00+02:00")
    if isinstance(value, str) and "T" not in value.upper() and " " not in value:
        raise PydanticCustomError("iso", "must be an ISO 8601 time with a zone, such as 2026-11-21T09:30:00+02:00")
    return value


def _plain_json(value):
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
        written.encode()
    except (ValueError, RecursionError):
        raise PydanticCustomError("json", "must be plain JSON, without NaN or broken characters") from None
    if len(written) > MAX_ATTRIBUTES_CHARACTERS:
        raise PydanticCustomError("too_long", f"must be at most {MAX_ATTRIBUTES_CHARACTERS} characters of JSON")
    if "\\u0000" in written:
        raise PydanticCustomError("nul", "must not hold a NUL character")
    return value


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_no_control)]
Source = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_no_control), AfterValidator(_no_slash)]
Label = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_no_control)]
SpokenText = Annotated[str, Field(min_length=1, max_length=MAX_TURN_CHARACTERS), AfterValidator(_visible)]
Time = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_iso), AfterValidator(_known_time)]
AskedTime = Annotated[AwareDatetime, BeforeValidator(_asked), AfterValidator(_possible_time)]
Seconds = Annotated[float, Field(ge=0, le=10_000_000, allow_inf_nan=False, strict=True)]
Attributes = Annotated[dict[str, Any], AfterValidator(_plain_json)]
Kind = Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,31}$", examples=["phone"])]


IdentityValue = Annotated[
    str, Field(min_length=1, max_length=320, examples=["+972505550101"]), AfterValidator(_no_control)
]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class IdentityIn(Strict):
    kind: Kind
    value: IdentityValue


class CustomerIn(Strict):
    id: Name | None = None
    identity: IdentityIn | None = None

    @model_validator(mode="after")
    def _one(self):
        if (self.id is None) == (self.identity is None):
            raise PydanticCustomError("one_of", "give either id or identity")
        return self


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Marks = Annotated[list[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,31}$")]], Field(max_length=50)]


class SentimentIn(Strict):
    negative: Share
    neutral: Share
    positive: Share

    @model_validator(mode="after")
    def _sum(self):
        if abs(self.negative + self.neutral + self.positive - 1) > 0.01:
            raise PydanticCustomError("sum", "the probabilities must add up to 1")
        return self


class ReadingIn(Strict):
    """What another system has read in the turn: probabilities of the sentiment, and the names of the marks it found."""

    sentiment: SentimentIn
    churn_intent: Share | None = None
    drivers: Marks | None = None
    acts: Marks | None = None
    emotions: Marks | None = None


class TurnIn(Strict):
    speaker: Literal[SPEAKERS]
    text: SpokenText
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    reading: ReadingIn | None = Field(None, description="made elsewhere; then the model is not asked")

    @model_validator(mode="after")
    def _order(self):
        if self.start_s is not None and self.end_s is not None and self.end_s < self.start_s:
            raise PydanticCustomError("order", "end_s must not be before start_s")
        return self


class RatingIn(Strict):
    kind: Literal[tuple(RATING_RANGES)]
    value: Annotated[float, Field(allow_inf_nan=False)]

    @model_validator(mode="after")
    def _range(self):
        least, most = RATING_RANGES[self.kind]
        if not least <= self.value <= most:
            raise PydanticCustomError("range", f"value of {self.kind} must be from {least} to {most}")
        return self


HEBREW_CHAT = {
    "id": "chat-1001",
    "source": "chat-desk",
    "channel": "chat",
    "customer": {"id": "dana-levi"},
    "occurred_at": "2026-11-20T09:30:00+02:00",
    "turns": [
        {"speaker": "customer", "text": "שלום, שוב חייבתם אותי פעמיים החודש"},
        {"speaker": "agent", "text": "היי דנה, אני בודקת"},
        {"speaker": "customer", "text": "נמאס לי, אם זה לא מסתדר היום אני עוברת לחברה אחרת"},
    ],
}
SOCIAL_POST = {
    "id": "post-77",
    "source": "facebook",
    "channel": "social",
    "customer": {"identity": {"kind": "facebook", "value": "yossi.cohen"}},
    "occurred_at": "2026-11-20T18:05:00+02:00",
    "text": "שירות מדהים! הטכנאי הגיע תוך שעה ותיקן הכול, תודה רבה",
}
CALL = {
    "id": "call-5",
    "source": "call-centre",
    "channel": "call",
    "customer": {"id": "dana-levi"},
    "occurred_at": "2026-11-21T08:00:00+02:00",
    "agent": "noa",
    "stage": "keep",
    "rating": {"kind": "csat", "value": 2},
    "turns": [
        {"speaker": "agent", "text": "מוקד שירות שלום מדברת נועה", "start_s": 0, "end_s": 2.5},
        {"speaker": "customer", "text": "כן אהה אני מחכה כבר ארבעים דקות על הקו", "start_s": 3, "end_s": 7},
    ],
}


class InteractionIn(Strict):
    """One chat, call, post, e-mail, text message, survey answer or review."""

    model_config = ConfigDict(json_schema_extra={"examples": [HEBREW_CHAT, CALL, SOCIAL_POST]})

    id: Annotated[Name, Field(description="the sender's own id; unique with `source`")]
    source: Source
    channel: Literal[CHANNELS]
    customer: CustomerIn
    occurred_at: Time
    text: SpokenText | None = Field(None, description="what the customer wrote; or `turns`")
    turns: Annotated[list[TurnIn], Field(min_length=1, max_length=MAX_TURNS)] | None = None
    stage: Label | None = Field(None, description="a step of the customer's journey")
    agent: Name | None = None
    team: Label | None = None
    rating: RatingIn | None = None
    attributes: Attributes | None = None
    open: bool = Field(False, description="it still goes on: more turns will be appended")

    @model_validator(mode="after")
    def _text_or_turns(self):
        if self.text is not None and self.turns is not None:
            raise PydanticCustomError("one_of", "give either text or turns")
        if self.text is None and self.turns is None and self.rating is None:
            raise PydanticCustomError("one_of", "give text or turns, or a rating alone")
        return self


COMPLAINT = {
    "id": "crm-9001",
    "source": "crm",
    "kind": "complaint_opened",
    "customer": {"id": "dana-levi"},
    "occurred_at": "2026-11-20T11:00:00+02:00",
    "attributes": {"about": "billing"},
}


class EventIn(Strict):
    """Something a customer did, or that happened to them."""

    model_config = ConfigDict(json_schema_extra={"examples": [COMPLAINT]})

    id: Annotated[Name, Field(description="the sender's own id; unique with `source` among events")]
    source: Source
    kind: Literal[EVENT_KINDS]
    customer: CustomerIn
    occurred_at: Time
    attributes: Attributes | None = None


class TurnsIn(Strict):
    """More of an open interaction."""

    turns: Annotated[list[TurnIn], Field(max_length=MAX_TURNS)] = []
    position: Annotated[int, Field(ge=0)] | None = Field(
        None, description="place of the first of these turns, counted from 0; a repeated send is then recognised"
    )
    rating: RatingIn | None = None
    open: bool = Field(True, description="false ends the conversation")

    @model_validator(mode="after")
    def _something(self):
        if not self.turns and self.open and self.rating is None:
            raise PydanticCustomError("empty", "give turns, a rating, or open: false")
        return self


def to_identity(given, phone_region):
    """Identity of an IdentityIn in its one written form: phones as E.164 where they can be read, the rest in lower case."""
    kind, value = given.kind.replace("e-mail", "email"), given.value.strip()
    if kind == "phone":
        try:
            number = phonenumbers.parse(value, phone_region)
            return Identity(kind, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        except phonenumbers.NumberParseException:
            return Identity(kind, value.lower())
    return Identity(kind, value.removeprefix("@").lower() if kind != "email" else value.lower())


def to_interaction(given, phone_region):
    """Interaction of a checked InteractionIn."""
    spoken = given.turns or ([TurnIn(speaker="customer", text=given.text)] if given.text is not None else [])
    return Interaction(
        source=given.source,
        id=given.id,
        channel=given.channel,
        occurred_at=given.occurred_at.astimezone(UTC),
        turns=to_turns(spoken),
        customer_id=given.customer.id,
        identity=given.customer.identity and to_identity(given.customer.identity, phone_region),
        stage=given.stage,
        agent=given.agent,
        team=given.team,
        rating=given.rating and given.rating.model_dump(),
        attributes=given.attributes,
        open=given.open,
    )


def check_interaction(given, phone_region):
    """Interaction of parsed JSON that should be an InteractionIn, as it stands in the `data` of another format; raises Invalid."""
    try:
        # As JSON, so that it is judged just as the same object sent to POST /v1/interactions.
        return to_interaction(InteractionIn.model_validate_json(json.dumps(given)), phone_region)
    except ValidationError as error:
        faults = [one | {"field": f"data.{one['field']}".removesuffix(".body")} for one in faults_of(error.errors())]
        raise Invalid(f"{faults[0]['field']}: {faults[0]['message']}", faults) from None


def to_turns(given):
    """Turns of checked TurnIns."""
    return tuple(
        Turn(turn.speaker, turn.text, turn.start_s, turn.end_s, turn.reading and _to_reading(turn.reading).as_json())
        for turn in given
    )


def _to_reading(given):
    others = {} if given.churn_intent is None else {CHURN_INTENT: given.churn_intent}
    for kind, names in (("driver", given.drivers), ("act", given.acts), ("emotion", given.emotions)):
        others |= {f"{kind}:{name}": 1.0 for name in names or ()}
    return Reading(tuple(getattr(given.sentiment, name) for name in SENTIMENTS), others, "und", "supplied", "")


def to_happening(given, phone_region):
    """Happening of a checked EventIn."""
    return Happening(
        source=given.source,
        id=given.id,
        kind=given.kind,
        occurred_at=given.occurred_at.astimezone(UTC),
        customer_id=given.customer.id,
        identity=given.customer.identity and to_identity(given.customer.identity, phone_region),
        attributes=given.attributes,
    )
