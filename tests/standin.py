"""The stand-ins: a model that reads by a few words, and interactions to send."""

from datetime import UTC, datetime, timedelta

from service.sentiment.reading import Reading

NEGATIVE, POSITIVE, LEAVING = "נורא", "מצוין", "עוזב"


class StandInModel:
    """Reads a text as negative or positive by one word in it, and as leaving by another; all else is neutral."""

    name, version = "stand-in", "1"

    def __init__(self):
        self.texts_read = 0
        self.before_score = lambda: None

    def score(self, texts, on_batch=lambda: None):
        self.before_score()
        self.texts_read += len(texts)
        on_batch()
        return [self._read(text) for text, _ in texts]

    def _read(self, text):
        probabilities = (
            (0.9, 0.08, 0.02) if NEGATIVE in text else (0.02, 0.08, 0.9) if POSITIVE in text else (0.02, 0.96, 0.02)
        )
        return Reading(
            probabilities,
            {"churn_intent": 0.95 if LEAVING in text else 0.02, "driver:price": 0.7},
            "he",
            self.name,
            self.version,
        )


def sent(id="1", text="שלום", customer="dana", **fields):
    """A body for POST /v1/interactions; give turns=[...] instead of a text, customer={...} for an identity."""
    body = {
        "id": id,
        "source": "desk",
        "channel": "chat",
        "customer": {"id": customer} if isinstance(customer, str) else customer,
        "occurred_at": at(1).isoformat(),
        **fields,
    }
    return body if "turns" in body else body | {"text": text}


START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=22)


def at(day, hour=12):
    """A time within the last three weeks: day 1 lies 21 days back, day 20 two."""
    return START + timedelta(days=day, hours=hour)
