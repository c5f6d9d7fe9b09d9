"""The sources of webhooks by name, each a module of this folder, and their accounts as the settings tell of them.

A source's module has
    NEEDS                           names of the account's settings that it can't do without
    verify(delivery, account)       raises BadSignature
    handshake(delivery, account)    a Reply to a request that only proves who we are, else None
    listen(delivery, account)       Heard of a verified delivery; raises BadRequest or Invalid
"""

from datetime import UTC, datetime

from service.channels import (
    chatwoot,
    cloudevents,
    intercom,
    meta,
    slack,
    standard,
    telegram,
    twilio,
    whatsapp,
    x,
    zendesk,
)
from service.channels.webhook import Account, Delivery
from service.errors import BadSettings, BadSignature

SOURCES = {
    module.__name__.rpartition(".")[2]: module
    for module in (meta, whatsapp, x, chatwoot, zendesk, intercom, twilio, slack, telegram, standard, cloudevents)
}  # fmt: skip
UNSIGNED = {"chatwoot"}  # old versions of which don't sign
KEYED = {"cloudevents"}  # their callers send a key of ours instead of a signature, and need no account
NOTHING = Delivery("POST", "", (), {}, b"", datetime(1970, 1, 1, tzinfo=UTC))


def open_accounts(settings):
    """{(source, account name): Account} of Settings; raises BadSettings with a line that says what to give."""
    return {
        tuple(name.partition("/")[::2]): _open_account(name, given, settings.phone_region)
        for name, given in settings.webhooks.items()
    }


def _open_account(name, given, phone_region):
    source, slash, account = name.partition("/")
    if source not in SOURCES:
        raise BadSettings(f"MOODLINE_WEBHOOKS: {source} is no source: choose from {', '.join(SOURCES)}")
    if source in KEYED:
        raise BadSettings(f"MOODLINE_WEBHOOKS: {source} needs no account: its callers send a key with the scope ingest")
    if bool(slash) != bool(account) or "/" in account or len(account) > 32 or (account and not account.isprintable()):
        raise BadSettings(f"MOODLINE_WEBHOOKS: {name}: name an account of {source} like {source}/acme")
    opened = Account(
        name=account,
        secrets=tuple(secret.get_secret_value() for secret in given.secret if secret.get_secret_value()),
        verify_token=given.verify_token.get_secret_value(),
        unsigned=given.unsigned,
        chats=given.chats,
        url=given.url,
        phone_region=phone_region,
    )
    if any(not secret.isascii() or not secret.isprintable() or " " in secret for secret in opened.secrets):
        raise BadSettings(f"MOODLINE_WEBHOOKS: {name}: a secret holds no spaces and nothing but ASCII")
    if given.unsigned and source not in UNSIGNED:
        raise BadSettings(f'MOODLINE_WEBHOOKS: {name} always signs: leave "unsigned" out')
    for need in SOURCES[source].NEEDS:
        if not getattr(opened, {"secret": "secrets"}.get(need, need)) and not (need == "secret" and given.unsigned):
            raise BadSettings(f'MOODLINE_WEBHOOKS: {name} needs "{need}"')
    try:
        SOURCES[source].verify(NOTHING, opened)
    except BadSignature:
        return opened
    except ValueError:
        raise BadSettings(f"MOODLINE_WEBHOOKS: {name}: the secret is not in the form that {source} gives") from None
    return opened
