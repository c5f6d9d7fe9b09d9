"""The database's tables."""

from datetime import UTC

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
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
    false,
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


# What may stand in interactions.status, and in deliveries.status.
PENDING, SCORED, FAILED = "pending", "scored", "failed"
DELIVERED, DEAD = "delivered", "dead"


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
# at_risk and falling are the states whose changes are signals; channel, stage and last_at are of the last interaction.
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
    Column("at_risk", Boolean, nullable=False, server_default=false()),
    Column("falling", Boolean, nullable=False, server_default=false()),
    Column("segment", String(16)),
    Column("segment_at", UtcDateTime),
    Column("channel", String(16)),
    Column("stage", String(64)),
    Column("last_at", UtcDateTime),
    Index("ix_customers_segment", "segment", "pk"),
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
    Column("team", String(64)),
    Column("rating", JSON(none_as_null=True)),
    Column("attributes", JSON(none_as_null=True)),
    Column("open", Boolean, nullable=False, server_default=false()),
    Column("status", String(16), nullable=False),
    Column("lease_token", String(36)),
    Column("lease_until", UtcDateTime),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("conversation", JSON(none_as_null=True)),
    UniqueConstraint("source", "id"),
    Index("ix_interactions_customer_pk", "customer_pk", "occurred_at"),
    Index("ix_interactions_status", "customer_pk", "status"),  # what waits to be read of a customer, however much was
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
    Column("id", String(200)),
    Column("confidence", Float),
    Index("ix_turns_id", "interaction_pk", "id", unique=True),
)

# Ratings and endings that webhooks told of; what was said is known again by its turn.
heard = Table(
    "heard",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("digest", String(64), primary_key=True),
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

# What a customer did, or what happened to them.
events = Table(
    "events",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("id", String(200), nullable=False),
    Column("customer_pk", ForeignKey("customers.pk"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("attributes", JSON(none_as_null=True)),
    UniqueConstraint("source", "id"),
    Index("ix_events_customer_pk", "customer_pk", "occurred_at"),
    Index("ix_events_kind", "kind", "occurred_at"),
)

# Things that a customer would love, said in a turn.
wishes = Table(
    "wishes",
    metadata,
    Column("interaction_pk", ForeignKey("interactions.pk", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("customer_pk", ForeignKey("customers.pk"), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Index("ix_wishes_customer_pk", "customer_pk", "occurred_at"),
    Index("ix_wishes_occurred_at", "occurred_at"),
)

segment_changes = Table(
    "segment_changes",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("customer_pk", ForeignKey("customers.pk"), nullable=False, index=True),
    Column("before", String(16)),
    Column("segment", String(16)),
    Column("at", UtcDateTime, nullable=False, index=True),
)

# The seam between deciding and telling: one row for each change, and never two for one cause.
signals = Table(
    "signals",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("cause", String(100), nullable=False),
    Column("customer_pk", ForeignKey("customers.pk"), index=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("data", JSON, nullable=False),
    UniqueConstraint("kind", "cause"),
)

# Days on which many customers fell together, by the driver that they named.
common_causes = Table(
    "common_causes",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("day", Date, nullable=False),
    Column("driver", String(64), nullable=False),
    Column("customers", Integer, nullable=False),
    Column("usual", Float, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("day", "driver"),
)

# Roll-ups: counts, and sums in ten-thousandths, so that they can be added to and taken from without drift.
# "" stands for no stage, no team, and in daily_customers.driver for the conversation as a whole.
daily = Table(
    "daily",
    metadata,
    Column("day", Date, primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("stage", String(64), primary_key=True),
    Column("team", String(64), primary_key=True),
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (
            "conversations",
            "negative",
            "neutral",
            "positive",
            "valence",
            "valence_squared",
            "rated",
            "rating",
            "disagreed",
            "bad_starts",
            "turned_around",
        )
    ),
)

daily_customers = Table(
    "daily_customers",
    metadata,
    Column("day", Date, primary_key=True),
    Column("driver", String(64), primary_key=True),
    Column("customer_pk", ForeignKey("customers.pk"), primary_key=True, index=True),
    Column("channel", String(16), primary_key=True),
    Column("stage", String(64), primary_key=True),
    Column("negative", Integer, nullable=False, server_default="0"),
    Column("neutral", Integer, nullable=False, server_default="0"),
    Column("positive", Integer, nullable=False, server_default="0"),
    Column("example_pk", Integer),
    Column("example_position", Integer),
)

daily_agents = Table(
    "daily_agents",
    metadata,
    Column("day", Date, primary_key=True),
    Column("agent", String(200), primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("stage", String(64), primary_key=True),
    Column("conversations", Integer, nullable=False, server_default="0"),
    Column("bad_starts", Integer, nullable=False, server_default="0"),
    Column("turned_around", Integer, nullable=False, server_default="0"),
)

# What the company believes: the share of content customers, 0 to 100, that somebody expects of a team, a stage or a channel.
self_assessments = Table(
    "self_assessments",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("who", String(200), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("name", String(64), nullable=False),
    Column("score", Float, nullable=False),
)

# Weights that `churn fit` learned; the one in force, if any, takes the scorecard's place.
churn_weights = Table(
    "churn_weights",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("fitted_at", UtcDateTime, nullable=False),
    Column("in_force", Boolean, nullable=False),
    Column("weights", JSON, nullable=False),
    Column("report", JSON, nullable=False),
)

# The secret signs each delivery, so it can't be a hash.
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("url", String(2000), nullable=False),
    Column("secret", String(100), nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("filters", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("switched_off_at", UtcDateTime),
    Column("switched_off_why", String(200)),
)

# The table is the queue here too: a pending row whose time has come may be claimed.
deliveries = Table(
    "deliveries",
    metadata,
    Column("pk", Integer, primary_key=True),
    Column("subscription_pk", ForeignKey("subscriptions.pk", ondelete="CASCADE"), nullable=False),
    Column("signal_pk", ForeignKey("signals.pk", ondelete="CASCADE"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", UtcDateTime, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("outcome", String(200)),
    UniqueConstraint("subscription_pk", "signal_pk"),
    Index(
        "ix_deliveries_pending",
        "next_at",
        postgresql_where=text("status = 'pending'"),
        sqlite_where=text("status = 'pending'"),
    ),
)
