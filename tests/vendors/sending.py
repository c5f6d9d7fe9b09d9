"""All vendors' samples, and how they are sent to the service."""

import importlib
import time

from sqlalchemy import func, select

from service.channels.sources import KEYED, SOURCES
from service.database import reading
from service.tables import customers, interactions, turns

VENDORS = {name: importlib.import_module(f"tests.vendors.{name}") for name in SOURCES}
SAMPLES = [(name, sample) for name, vendor in VENDORS.items() for sample in vendor.SAMPLES]
LEFT_OUT = [(name, *pair) for name, vendor in VENDORS.items() for pair in vendor.LEFT_OUT]
SECRET_OF = {name: getattr(vendor, "SECRET", None) for name, vendor in VENDORS.items()}
SIGNED = [pair for pair in SAMPLES if SECRET_OF[pair[0]]]


def named(pairs):
    return [f"{source}: {sample.name}" for source, sample, *_ in pairs]


def send(house, source, sample, secret=None, at=None, body=None, account=""):
    """What the service answers to a sample, signed as the vendor would sign it; another body than the one signed may be sent."""
    headers = VENDORS[source].sign(sample, secret or SECRET_OF[source], time.time() if at is None else at)
    if source not in KEYED:
        headers = {"authorization": "", **headers}  # no tool has a key of ours
    path = f"/v1/webhooks/{source}{account}{'?' if sample.query else ''}{sample.query}"
    return house.client.post(path, content=sample.body if body is None else body, headers=headers)


def signs_body(source):
    return getattr(VENDORS[source], "SIGNS_BODY", SECRET_OF[source] is not None)


def stored(house):
    """How many customers, interactions and turns there are."""
    with reading(house.parts.engine) as connection:
        return tuple(
            connection.scalar(select(func.count()).select_from(table)) for table in (customers, interactions, turns)
        )


def mood_path(customer):
    return (
        f"/v1/customers/{customer}/mood"
        if isinstance(customer, str)
        else f"/v1/identities/{customer[0]}/{customer[1]}/mood"
    )
