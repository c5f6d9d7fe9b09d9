"""What outside tools send, written after their documentation, and signed as they sign: a module per source.

A module has
    SETTINGS            the account's settings, as in MOODLINE_WEBHOOKS
    SIGNS_TIME          whether a timestamp is signed too
    SIGNS_BODY          False where the secret itself is sent, and a changed body can't be known
    SAMPLES             Samples that tell of a customer
    LEFT_OUT            (Sample, the reason it is left out for)
    sign(sample, secret, at)   the headers that the vendor sends, those of the signature among them; `at` is epoch seconds
"""

import json
from dataclasses import dataclass, field, replace

URL = "https://mood.example.org"  # where the vendor believes us to be


@dataclass(frozen=True)
class Sample:
    """One request of a vendor. customer: (kind, value) of the identity, or the company's own id, whose mood it tells of.

    accepted: how many messages of it are new; query: what stands behind the question mark.
    """

    name: str
    body: bytes
    customer: tuple[str, str] | str | None = None
    accepted: int = 1
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    query: str = ""

    def with_body(self, body):
        return replace(self, body=body)


def written(payload):
    """A payload as most vendors write it: JSON with every letter that is not ASCII escaped."""
    return json.dumps(payload).encode()
