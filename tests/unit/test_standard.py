"""Signatures of Standard Webhooks: which of several fits, and with which kind of key."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from service.channels.sources import open_accounts
from service.channels.standard import verify
from service.channels.webhook import Account, Delivery
from service.errors import BadSettings, BadSignature
from service.settings import Settings
from tests.vendors import written
from tests.vendors.standard import EVENT, SECRET, WRONG

BODY, NOW = written(EVENT), datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ID, TIMESTAMP = "msg_p5jXN8AQM9LWM0D4loKWxJek", str(int(NOW.timestamp()))
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY = "whpk_" + base64.b64encode(PRIVATE.public_key().public_bytes_raw()).decode()
NO_SIGNATURE = "v1," + base64.b64encode(bytes(32)).decode()


def shared(secret=SECRET):
    return Webhook(secret).sign(ID, NOW, BODY.decode())


def private(key=PRIVATE, id=ID):
    return "v1a," + base64.b64encode(key.sign(f"{id}.{TIMESTAMP}.".encode() + BODY)).decode()


def check(signatures, *secrets, id=ID, timestamp=TIMESTAMP):
    headers = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures}
    verify(Delivery("POST", "", (), headers, BODY, NOW), Account(secrets=secrets))


@pytest.mark.parametrize(
    ("signatures", "secrets"),
    [
        (f"{shared(WRONG)} {shared()}", [SECRET]),
        (f"{shared()} {NO_SIGNATURE}", [SECRET]),
        (shared(), [WRONG, SECRET]),
        (shared(), [SECRET.removeprefix("whsec_")]),
        (private(), [PUBLIC_KEY]),
        (private(), [SECRET, PUBLIC_KEY]),
        (f"{NO_SIGNATURE} v2,abcd {private()}", [PUBLIC_KEY]),
        (f"v1a,not-base64 v1a, v1 , {private(Ed25519PrivateKey.generate())} {shared()}", [PUBLIC_KEY, SECRET]),
    ],
)
def test_one_signature_that_fits_one_secret_is_enough(signatures, secrets):
    check(signatures, *secrets)


@pytest.mark.parametrize(
    ("signatures", "secrets"),
    [
        ("", [SECRET, PUBLIC_KEY]),
        (NO_SIGNATURE, [SECRET]),
        (shared().replace("v1,", "v2,"), [SECRET]),
        (shared().removeprefix("v1,"), [SECRET]),
        (shared().replace("v1,", "v1a,"), [SECRET, PUBLIC_KEY]),
        (private().replace("v1a,", "v1,"), [SECRET, PUBLIC_KEY]),
        (private(Ed25519PrivateKey.generate()), [PUBLIC_KEY]),
        (private(id="msg_another"), [PUBLIC_KEY]),
        (private(), [SECRET]),
        ("v1a,א v1,א", [SECRET, PUBLIC_KEY]),
    ],
)
def test_without_a_signature_that_fits_it_is_refused(signatures, secrets):
    with pytest.raises(BadSignature):
        check(signatures, *secrets)


def test_a_public_key_does_not_sign_as_a_shared_one():
    raw = PUBLIC_KEY.removeprefix("whpk_")
    with pytest.raises(BadSignature):
        check(Webhook(raw).sign(ID, NOW, BODY.decode()), PUBLIC_KEY)


def test_a_signature_without_an_id_is_refused():
    with pytest.raises(BadSignature, match="webhook-id"):
        check(Webhook(SECRET).sign("", NOW, BODY.decode()), SECRET, id="")


def test_a_time_that_is_signed_with_a_private_key_may_not_be_old():
    old = str(int(NOW.timestamp()) - 301)
    signature = "v1a," + base64.b64encode(PRIVATE.sign(f"{ID}.{old}.".encode() + BODY)).decode()
    with pytest.raises(BadSignature, match="5 minutes"):
        check(signature, PUBLIC_KEY, timestamp=old)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_no!", "whpk_c2hvcnQ=", "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_a_secret_that_is_no_key_is_refused_at_the_start(secret):
    with pytest.raises(BadSettings, match="standard"):
        open_accounts(Settings(webhooks={"standard": {"secret": secret}}))
