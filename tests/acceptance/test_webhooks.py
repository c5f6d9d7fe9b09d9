"""What each vendor sends, signed as it signs, goes to the running service, and the customer's mood comes back."""

import json
import re
import time
from urllib.parse import unquote_plus

import pytest

from tests.acceptance.conftest import Server
from tests.vendors import Sample
from tests.vendors.sending import SAMPLES, SECRET_OF, VENDORS, mood_path, named


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    accounts = {name: vendor.SETTINGS for name, vendor in VENDORS.items() if vendor.SETTINGS}
    folder = tmp_path_factory.mktemp("webhooks")
    with Server(folder, data_dir=folder, webhooks=json.dumps(accounts)) as started:
        yield started


@pytest.mark.parametrize(("source", "sample"), SAMPLES, ids=named(SAMPLES))
def test_what_a_vendor_sends_is_the_customer_s_mood(server, source, sample: Sample):
    headers = VENDORS[source].sign(sample, SECRET_OF[source], time.time())
    path = f"/v1/webhooks/{source}{'?' if sample.query else ''}{sample.query}"
    answer = server.client.post(path, content=sample.body, headers=headers)
    told = answer.json()
    # Some samples are the same message told in another way: by its id the running service knows it again.
    assert (answer.status_code, told["accepted"] + told["duplicates"]) == (200, sample.accepted), answer.text
    server.wait_until_read()
    mood = server.client.get(mood_path(sample.customer)).json()["mood"]
    assert mood["label"] in ("negative", "neutral", "positive")
    assert server.client.post(path, content=sample.body, headers=headers).json()["accepted"] == 0


def test_nothing_of_what_came_is_in_the_log(server):
    words = set()
    for _, sample in SAMPLES:
        body = unquote_plus(re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), sample.body.decode()))
        words |= set(re.findall("[א-ת]{4,}", body))
    assert len(words) > 5
    assert not [word for word in words if word in server.log]
