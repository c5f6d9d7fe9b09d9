"""Standard Webhooks with our own interaction as `data`.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac

from service.channels.native import check_interaction
from service.channels.webhook import Heard, dig, verify_signature, verify_time

NEEDS = ("secret",)
PREFIX = "whsec_"


def verify(delivery, account):
    """Let pass what is signed over `id.timestamp.body` with one of the secrets (v1, HMAC-SHA256); raises BadSignature."""
    id, timestamp = (delivery.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp"))
    signed = f"{id}.{timestamp}.".encode() + delivery.body
    expected = [_sign(secret, signed) for secret in account.secrets]
    verify_signature(delivery.headers.get("webhook-signature", "").split(), expected)
    verify_time(timestamp, delivery.at)


def _sign(secret, signed):
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def handshake(delivery, account):
    """None: there is no handshake."""


def listen(delivery, account):
    """Heard of `{"type", "timestamp", "data"}`, data an interaction as POST /v1/interactions takes it; raises BadRequest, Invalid."""
    heard = Heard()
    heard.interactions.append(check_interaction(dig(delivery.json(), "data"), account.phone_region))
    return heard
