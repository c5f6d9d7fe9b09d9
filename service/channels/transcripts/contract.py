"""What comes with a transcript, checked, and the two together → Interaction."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from service.channels.native import (
    Attributes,
    CustomerIn,
    Label,
    Name,
    RatingIn,
    Source,
    Strict,
    Time,
    to_identity,
)
from service.channels.transcripts import FORMATS, read
from service.channels.transcripts.said import fault
from service.channels.transcripts.speakers import find_roles
from service.interaction import CHANNELS, MAX_TURNS, SPEAKERS, Interaction, Turn

_NAME, _TIME = TypeAdapter(Name), TypeAdapter(Time)


def _spelled_out(value):
    """{"A": "agent"} of A=agent,B=customer or of a JSON object in a text."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            pass
    pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
    if not all(name.strip() for name, _, _ in pairs):
        raise PydanticCustomError("speakers", "must be a JSON object of roles, or such as A=agent,B=customer")
    told = {name.strip(): role.strip() for name, _, role in pairs}
    if len(told) < len(pairs):
        raise PydanticCustomError("speakers", "must name each speaker once")
    return told


Speakers = Annotated[
    dict[Name, Literal[SPEAKERS]],
    BeforeValidator(_spelled_out),
    Field(description='{"A": "agent", "B": "customer"}, or A=agent,B=customer; * stands for all others'),
]

HEBREW_CALL = {
    "id": "call-88",
    "source": "call-centre",
    "customer": {"id": "dana-levi"},
    "occurred_at": "2026-11-21T08:00:00+02:00",
    "speakers": {"A": "agent", "B": "customer"},
    "transcript": {
        "task": "transcribe",
        "duration": 9.5,
        "text": "מוקד שירות שלום מדברת נועה כן שלום אני מחכה כבר ארבעים דקות על הקו",
        "segments": [
            {
                "type": "transcript.text.segment",
                "id": "seg_0",
                "start": 0.0,
                "end": 2.5,
                "speaker": "A",
                "text": "מוקד שירות שלום מדברת נועה",
            },
            {
                "type": "transcript.text.segment",
                "id": "seg_1",
                "start": 3.1,
                "end": 9.5,
                "speaker": "B",
                "text": "כן שלום אני מחכה כבר ארבעים דקות על הקו",
            },
        ],
    },
}


class TranscriptIn(Strict):
    """What comes with a transcript; what the transcript tells of itself may be left out."""

    customer: CustomerIn
    format: Literal[FORMATS] | None = Field(None, description="detected where it is left out")
    id: Name | None = Field(None, description="default: the transcript's own, where it has one")
    source: Source | None = Field(None, description="default: the format")
    channel: Literal[CHANNELS] | None = Field(None, description="default: call or chat, as the transcript tells")
    occurred_at: Time | None = Field(
        None, description="default: the beginning that the transcript tells, where it does"
    )
    speakers: Speakers | None = None
    stage: Label | None = None
    agent: Name | None = None
    team: Label | None = None
    rating: RatingIn | None = None
    attributes: Attributes | None = None


class SentTranscript(TranscriptIn):
    """A transcript in an object with what comes with it."""

    model_config = ConfigDict(json_schema_extra={"examples": [HEBREW_CALL]})

    transcript: Any = Field(description="the recogniser's JSON, or the text of a file")


def owner_of(customer, identity):
    """CustomerIn's form of a customer's id and of an identity as KIND:VALUE, each None where it was not given; {} of neither."""
    owner = {} if customer is None else {"id": customer}
    if identity is not None:
        kind, _, value = identity.partition(":")
        owner["identity"] = {"kind": kind, "value": value}
    return owner


def to_interaction(given, sent, phone_region, otherwise_at=None):
    """(Interaction, format, {speaker: Role}) of a checked TranscriptIn and the transcript as it was sent.

    `otherwise_at`: when it was where neither of the two tells. Raises Invalid where something is missing, where no customer speaks, and as
    read and find_roles do.
    """
    transcript = read(sent, given.format)
    parsed = transcript.parsed
    roles = find_roles(parsed.said, given.speakers or {})
    id = given.id or _checked(_NAME, parsed.id)
    occurred_at = given.occurred_at or _checked(_TIME, parsed.started_at) or otherwise_at
    for name, value in (("id", id), ("occurred_at", occurred_at)):
        if value is None:
            raise fault(name, "is required: the transcript tells none")
    if not any(role.role == "customer" for role in roles.values()):
        raise fault("speakers", "none of the speakers is the customer")
    if len(parsed.said) > MAX_TURNS:
        raise fault("transcript", f"holds more than {MAX_TURNS:,} turns")
    interaction = Interaction(
        source=given.source or transcript.format,
        id=id,
        channel=given.channel or parsed.channel,
        occurred_at=occurred_at.astimezone(UTC),
        turns=tuple(
            Turn(roles[one.speaker].role, one.text, one.start_s, one.end_s, confidence=one.confidence)
            for one in parsed.said
        ),
        customer_id=given.customer.id,
        identity=given.customer.identity and to_identity(given.customer.identity, phone_region),
        stage=given.stage,
        agent=given.agent,
        team=given.team,
        rating=given.rating and given.rating.model_dump(),
        attributes=given.attributes,
    )
    return interaction, transcript.format, roles


def _checked(kind, value: str | datetime | None):
    """The value where it is a possible one of its kind, or None."""
    try:
        return value and kind.validate_python(value)
    except ValidationError:
        return None
