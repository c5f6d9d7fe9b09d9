"""For anyone with texts: readings out, nothing stored."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from service.api.answers import Readings
from service.api.common import Parts, answers, parts, requires
from service.channels.native import SpokenText, Strict
from service.interaction import CHANNELS

router = APIRouter(tags=["sentiment"])
MAX_TEXTS = 256


class TextsIn(Strict):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"texts": ["יופי של שירות, רק שעה וחצי המתנה", "התקלה תוקנה, תודה רבה!"], "channel": "chat"}]
        }
    )

    texts: Annotated[list[SpokenText], Field(min_length=1, max_length=MAX_TEXTS)]
    channel: Literal[CHANNELS] | None = None


@router.post(
    "/v1/sentiment",
    dependencies=requires("read", "ingest"),
    summary="Read up to 256 texts",
    responses=answers(Readings, 400, 401, 403, 413, 415, 422, 503),
)
async def post_sentiment(given: TextsIn, service: Parts = Depends(parts)):
    """Readings in the order of the texts; requests that arrive together are read together. Nothing is stored."""
    texts = [(text, given.channel or "") for text in given.texts]
    with service.queue.place(len(texts)):
        found = await run_in_threadpool(service.model.score, texts)
    return JSONResponse({"readings": [one.as_json() for one in found]})
