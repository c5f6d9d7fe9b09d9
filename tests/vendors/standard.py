"""Standard Webhooks, signed by its own library."""

from datetime import UTC, datetime

from standardwebhooks import Webhook

from tests.vendors import Sample, written

SECRET, WRONG = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SETTINGS = {"secret": SECRET}
SIGNS_TIME = True

INTERACTION = {
    "id": "ticket-77",
    "source": "crm",
    "channel": "email",
    "customer": {"id": "yael-mizrahi"},
    "occurred_at": "2026-11-20T09:30:00+02:00",
    "text": "כבר שבועיים שאני מחכה להחזר הכספי, וכל נציג אומר לי משהו אחר. שירות נורא.",
}
EVENT = {"type": "interaction.created", "timestamp": "2026-11-20T07:30:05Z", "data": INTERACTION}
SAMPLES = [Sample("an interaction", written(EVENT), "yael-mizrahi")]
LEFT_OUT = []


def sign(sample, secret, at):
    id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signature = Webhook(secret).sign(id, datetime.fromtimestamp(at, UTC), sample.body.decode())
    return {**sample.headers, "webhook-id": id, "webhook-timestamp": str(int(at)), "webhook-signature": signature}
