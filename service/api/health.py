"""For operators: alive, ready, metrics."""

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from service import metrics
from service.api.common import Parts, parts
from service.database import reading, revisions
from service.worker import waiting

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="Alive")
def healthz():
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Ready: database reachable and migrated, model loaded",
    responses={503: {"description": "Not ready; the body tells which check fails"}},
)
def readyz(service: Parts = Depends(parts)):
    checks = {"database": False, "migrated": False, "model": True}
    try:
        with reading(service.engine) as connection:
            current, head = revisions(connection)
            checks |= {"database": True, "migrated": current == head}
    except SQLAlchemyError:
        pass
    ready = all(checks.values())
    headers = {} if ready else {"Retry-After": str(service.settings.retry_after_s)}
    return JSONResponse(
        {
            "status": "ready" if ready else "not ready",
            "checks": checks,
            "model": {"name": service.model.name, "version": service.model.version},
        },
        200 if ready else 503,
        headers,
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def get_metrics(service: Parts = Depends(parts)):
    try:
        with reading(service.engine) as connection:
            metrics.WAITING.set(waiting(connection))
    except SQLAlchemyError:
        metrics.WAITING.set(float("nan"))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
