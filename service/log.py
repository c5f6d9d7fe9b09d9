"""One line a record, to standard error; a traceback is never printed, since its message may quote a customer."""

import logging
import sys


class _Line(logging.Formatter):
    def format(self, record):
        record.exc_info = record.exc_text = record.stack_info = None
        return super().format(record).replace("\n", " ")


def set_up(level):
    """Send everything of at least `level` ("debug" … "error") to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line("%(asctime)s %(levelname)-7s %(name)s  %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # httpx and httpcore would log the URLs of subscriptions, and asyncio each attempt.
    for name in ("uvicorn.error", "alembic", "httpx", "httpcore", "asyncio"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
