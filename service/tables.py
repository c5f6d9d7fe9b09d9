"""The database's tables."""

from datetime import UTC

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


# What may stand in interactions.status.
PENDING, SCORED, FAILED = "pending", "scored", "failed"


class UtcDateTime(TypeDecorator):
    """An aware UTC datetime in Python; SQLite stores it without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value, dialect):
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value, dialect):
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# external_id is the company's own id; a customer without one is known by an identity only.
# mood is what mood.py and churn.py last computed; risk repeats its risk, for the index; read_… count what was ever read.
customers = Table(
    "customers",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("external_id", String(200), unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("read_interactions", Integer, nullable=False, server_default="0"),
    Column("read_turns", Integer, nullable=False, server_default="0"),
    Column("mood", JSON(none_as_null=True)),
    Column("risk", Integer, nullable=False, server_default="0"),
    Column("risk_changed_at", UtcDateTime),
    Column("mood_at", UtcDateTime),
    Index("ix_customers_risk", "risk", "pk", postgresql_where=text("risk > 0"), sqlite_where=text("risk > 0")),
    Index("ix_customers_mood_at", "mood_at"),
)

identities = Table(
    "identities",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("value", String(320), nullable=False),
    Column("customer_pk", ForeignKey("customers.pk"), nullable=False, index=True),
    UniqueConstraint("kind", "value"),
)

# The table is the queue: a pending row whose lease is over may be claimed.
interactions = Table(
    "interactions",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("id", String(200), nullable=False),
    Column("customer_pk", ForeignKey("customers.pk"), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("stage", String(64)),
    Column("agent", String(200)),
    Column("rating", JSON(none_as_null=True)),
    Column("attributes", JSON(none_as_null=True)),
    Column("status", String(16), nullable=False),
    Column("lease_token", String(36)),
    Column("lease_until", UtcDateTime),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("conversation", JSON(none_as_null=True)),
    UniqueConstraint("source", "id"),
    Index("ix_interactions_customer_pk", "customer_pk", "occurred_at"),
    Index(
        "ix_interactions_pending",
        "pk",
        postgresql_where=text("status = 'pending'"),
        sqlite_where=text("status = 'pending'"),
    ),
)

turns = Table(
    "turns",
    metadata,
    Column("interaction_pk", ForeignKey("interactions.pk", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("speaker", String(8), nullable=False),
    Column("text", Text, nullable=False),
    Column("start_s", Float),
    Column("end_s", Float),
    Column("reading", JSON(none_as_null=True)),
)

# Only hashes: a key is shown once, when it is made.
api_keys = Table(
    "api_keys",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)
