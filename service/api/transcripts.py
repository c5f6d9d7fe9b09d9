"""For senders: transcripts of calls and chats in, as the recogniser or the contact centre wrote them."""

import json
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.api.answers import TranscriptOutcome
from service.api.common import Parts, answers, parts, requires
from service.api.interactions import receive
from service.channels.transcripts import FORMATS
from service.channels.transcripts.contract import HEBREW_CALL, SentTranscript, TranscriptIn, owner_of, to_interaction
from service.channels.transcripts.speakers import EVERYBODY
from service.errors import Invalid, UnsupportedMediaType, faults_of
from service.interaction import CHANNELS

router = APIRouter(tags=["interactions"])

WEBVTT = """WEBVTT

00:00.400 --> 00:02.900
<v Noa>מוקד שירות שלום מדברת נועה איך אפשר לעזור

00:03.500 --> 00:07.000
<v Dana>שוב חייבתם אותי פעמיים נמאס לי
"""
OBJECT = SentTranscript.model_json_schema(ref_template="#/components/schemas/{model}")
del OBJECT["$defs"]  # POST /v1/interactions describes them
BODY = {
    "requestBody": {
        "required": True,
        "description": "The file as it is, its particulars in the query; or an object of the particulars and the `transcript`.",
        "content": {
            "application/json": {
                "schema": {"anyOf": [OBJECT, {"type": "object"}]},
                "examples": {"object with its particulars": {"value": HEBREW_CALL}},
            },
            "text/plain": {"schema": {"type": "string"}, "examples": {"WebVTT": {"value": WEBVTT}}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class Particulars(BaseModel):
    """What the query tells of a transcript; checked as TranscriptIn together with what the body tells."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[FORMATS] | None = Field(None, description="detected where it is left out")
    customer: str | None = Field(None, description="the company's own id of the customer; or `identity`")
    identity: str | None = Field(None, description="KIND:VALUE", examples=["phone:050-555-0101"])
    id: str | None = Field(None, description="default: the transcript's own, where it has one")
    source: str | None = Field(None, description="default: the format")
    channel: Literal[CHANNELS] | None = Field(None, description="default: call or chat, as the transcript tells")
    occurred_at: str | None = Field(None, description="default: the beginning that the transcript tells, where it does")
    speakers: str | None = Field(None, description="who is who", examples=["A=agent,B=customer"])
    stage: str | None = None
    agent: str | None = None
    team: str | None = None
    wait: bool = Field(True, description="wait for the readings")


async def body(request: Request):
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise UnsupportedMediaType("send the file itself, not a form: curl --data-binary @call.vtt")
    return await request.body()


@router.post(
    "/v1/transcripts",
    dependencies=requires("ingest"),
    status_code=201,
    summary="Send the transcript of a call or a chat, as it is",
    openapi_extra=BODY,
    responses={
        **answers(TranscriptOutcome, 401, 403, 413, 415, 422, 503),
        200: {"model": TranscriptOutcome, "description": "It was there already"},
        201: {"model": TranscriptOutcome, "description": "Stored and read"},
        202: {"model": TranscriptOutcome, "description": "Durable, and not read yet"},
    },
)
def post_transcript(
    particulars: Annotated[Particulars, Query()],
    sent: bytes = Depends(body),
    service: Parts = Depends(parts),
):
    """WebVTT, SubRip, Whisper, OpenAI, Deepgram, AssemblyAI, Amazon Connect Contact Lens, Genesys Cloud, Google, plain "Agent: …" lines.

    Who is the customer comes from the transcript where it tells it, from `speakers`, or is inferred from what each says; where
    that is less sure than 0.8 the answer is 422 and names the speakers. The same `source` and `id` again is the same interaction.
    """
    told, transcript = opened(sent)
    try:
        given = TranscriptIn.model_validate(from_query(particulars) | told)
    except ValidationError as error:
        faults = faults_of(error.errors())
        raise Invalid(f"{faults[0]['field']}: {faults[0]['message']}", faults) from None
    interaction, format, roles = to_interaction(given, transcript, service.settings.phone_region)
    _, [outcome], status = receive(service, [interaction], particulars.wait)
    speakers = {
        name or EVERYBODY: {"role": role.role, "confidence": round(role.confidence, 2)} for name, role in roles.items()
    }
    return JSONResponse(outcome | {"format": format, "speakers": speakers}, status)


def opened(sent):
    """(particulars, transcript) of a body: an object with `transcript` and `customer` brings both; anything else is the transcript itself.

    No source has a `customer` beside a `transcript`.
    """
    try:
        found = json.loads(sent) if sent.lstrip()[:1] == b"{" else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not {"transcript", "customer"} <= found.keys():
        return {}, sent
    return {name: value for name, value in found.items() if name != "transcript"}, found["transcript"]


def from_query(particulars):
    """What the query tells, in the form of TranscriptIn."""
    told = particulars.model_dump(exclude_none=True, exclude={"wait", "customer", "identity"})
    if "occurred_at" in told:
        # A plus sign that was not escaped in a URL comes as a space.
        told["occurred_at"] = told["occurred_at"].replace(" ", "+")
    owner = owner_of(particulars.customer, particulars.identity)
    return told | ({"customer": owner} if owner else {})
