"""Standard Webhooks with our own interaction as `data`.

A secret is a shared key (`whsec_…`, signatures v1) or the sender's public key (`whpk_…`, signatures v1a).
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.channels.native import check_interaction
from service.channels.webhook import Heard, dig, verify_signature, verify_time
from service.errors import BadSignature

NEEDS = ("secret",)
SHARED, PUBLIC = "whsec_", "whpk_"


def verify(delivery, account):
    """Let pass what is signed over `id.timestamp.body` with one of the secrets: v1 (HMAC-SHA256) or v1a (Ed25519).

    Raises BadSignature, and ValueError where a secret is no key.
    """
    id, timestamp = (delivery.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp"))
    claimed = delivery.headers.get("webhook-signature", "").split()
    signed = f"{id}.{timestamp}.".encode() + delivery.body
    expected = [_sign(secret, signed) for secret in account.secrets if not secret.startswith(PUBLIC)]
    keys = [_open_public_key(secret) for secret in account.secrets if secret.startswith(PUBLIC)]
    if not any(_fits(key, one, signed) for key in keys for one in claimed):
        verify_signature(claimed, expected)
    if not id:
        raise BadSignature("the header webhook-id is missing")
    verify_time(timestamp, delivery.at)


def _sign(secret, signed):
    return "v1," + base64.b64encode(hmac.digest(_decode(secret.removeprefix(SHARED)), signed, hashlib.sha256)).decode()


def _open_public_key(secret):
    return Ed25519PublicKey.from_public_bytes(_decode(secret.removeprefix(PUBLIC)))


def _decode(key):
    decoded = base64.b64decode(key + "=" * (-len(key) % 4), validate=True)
    if not decoded:
        raise ValueError("the key is empty")
    return decoded


def _fits(key, claimed, signed):
    version, _, signature = claimed.partition(",")
    if version != "v1a":
        return False
    try:
        key.verify(base64.b64decode(signature), signed)
    except (ValueError, InvalidSignature):
        return False
    return True


def handshake(delivery, account):
    """None: there is no handshake."""


def listen(delivery, account):
    """Heard of `{"type", "timestamp", "data"}`, data an interaction as POST /v1/interactions takes it; raises BadRequest, Invalid."""
    heard = Heard()
    heard.interactions.append(check_interaction(dig(delivery.json(), "data"), account.phone_region))
    return heard
