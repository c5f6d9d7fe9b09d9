"""Events, signals, segments, roll-ups, subscriptions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

at = sa.DateTime(timezone=True)


def upgrade():
    op.create_table(
        "churn_weights",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("fitted_at", at, nullable=False),
        sa.Column("in_force", sa.Boolean(), nullable=False),
        sa.Column("weights", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_churn_weights")),
    )
    op.create_table(
        "common_causes",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("driver", sa.String(length=64), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("usual", sa.Float(), nullable=False),
        sa.Column("at", at, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_common_causes")),
        sa.UniqueConstraint("day", "driver", name=op.f("uq_common_causes_day")),
    )
    op.create_table(
        "daily",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("conversations", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("negative", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("neutral", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("positive", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("valence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("valence_squared", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rated", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rating", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disagreed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bad_starts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("turned_around", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("day", "channel", "stage", "team", name=op.f("pk_daily")),
    )
    op.create_table(
        "daily_agents",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("conversations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bad_starts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("turned_around", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("day", "agent", "channel", "stage", name=op.f("pk_daily_agents")),
    )
    op.create_table(
        "self_assessments",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("at", at, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_self_assessments")),
    )
    op.create_index(op.f("ix_self_assessments_at"), "self_assessments", ["at"], unique=False)

    op.create_table(
        "subscriptions",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("created_at", at, nullable=False),
        sa.Column("switched_off_at", at, nullable=True),
        sa.Column("switched_off_why", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("id", name=op.f("uq_subscriptions_id")),
    )
    op.create_table(
        "daily_customers",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("driver", sa.String(length=64), nullable=False),
        sa.Column("customer_pk", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("negative", sa.Integer(), server_default="0", nullable=False),
        sa.Column("neutral", sa.Integer(), server_default="0", nullable=False),
        sa.Column("positive", sa.Integer(), server_default="0", nullable=False),
        sa.Column("example_pk", sa.Integer(), nullable=True),
        sa.Column("example_position", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["customer_pk"], ["customers.pk"], name=op.f("fk_daily_customers_customer_pk")),
        sa.PrimaryKeyConstraint("day", "driver", "customer_pk", "channel", "stage", name=op.f("pk_daily_customers")),
    )
    op.create_index(op.f("ix_daily_customers_customer_pk"), "daily_customers", ["customer_pk"], unique=False)

    op.create_table(
        "events",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("customer_pk", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("occurred_at", at, nullable=False),
        sa.Column("received_at", at, nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["customer_pk"], ["customers.pk"], name=op.f("fk_events_customer_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_events")),
        sa.UniqueConstraint("source", "id", name=op.f("uq_events_source")),
    )
    op.create_index("ix_events_customer_pk", "events", ["customer_pk", "occurred_at"], unique=False)
    op.create_index("ix_events_kind", "events", ["kind", "occurred_at"], unique=False)

    op.create_table(
        "segment_changes",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("customer_pk", sa.Integer(), nullable=False),
        sa.Column("before", sa.String(length=16), nullable=True),
        sa.Column("segment", sa.String(length=16), nullable=True),
        sa.Column("at", at, nullable=False),
        sa.ForeignKeyConstraint(["customer_pk"], ["customers.pk"], name=op.f("fk_segment_changes_customer_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_segment_changes")),
    )
    op.create_index(op.f("ix_segment_changes_at"), "segment_changes", ["at"], unique=False)
    op.create_index(op.f("ix_segment_changes_customer_pk"), "segment_changes", ["customer_pk"], unique=False)

    op.create_table(
        "signals",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=100), nullable=False),
        sa.Column("customer_pk", sa.Integer(), nullable=True),
        sa.Column("at", at, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["customer_pk"], ["customers.pk"], name=op.f("fk_signals_customer_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_signals")),
        sa.UniqueConstraint("kind", "cause", name=op.f("uq_signals_kind")),
    )
    op.create_index(op.f("ix_signals_at"), "signals", ["at"], unique=False)
    op.create_index(op.f("ix_signals_customer_pk"), "signals", ["customer_pk"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("subscription_pk", sa.Integer(), nullable=False),
        sa.Column("signal_pk", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", at, nullable=False),
        sa.Column("first_at", at, nullable=False),
        sa.Column("finished_at", at, nullable=True),
        sa.Column("outcome", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["signal_pk"], ["signals.pk"], name=op.f("fk_deliveries_signal_pk"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_pk"], ["subscriptions.pk"], name=op.f("fk_deliveries_subscription_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("subscription_pk", "signal_pk", name=op.f("uq_deliveries_subscription_pk")),
    )
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
        sqlite_where=sa.text("status = 'pending'"),
    )

    op.create_table(
        "wishes",
        sa.Column("interaction_pk", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer_pk", sa.Integer(), nullable=False),
        sa.Column("occurred_at", at, nullable=False),
        sa.ForeignKeyConstraint(["customer_pk"], ["customers.pk"], name=op.f("fk_wishes_customer_pk")),
        sa.ForeignKeyConstraint(
            ["interaction_pk"], ["interactions.pk"], name=op.f("fk_wishes_interaction_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("interaction_pk", "position", name=op.f("pk_wishes")),
    )
    op.create_index("ix_wishes_customer_pk", "wishes", ["customer_pk", "occurred_at"], unique=False)
    op.create_index("ix_wishes_occurred_at", "wishes", ["occurred_at"], unique=False)

    op.add_column("customers", sa.Column("at_risk", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("customers", sa.Column("falling", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("customers", sa.Column("segment", sa.String(length=16), nullable=True))
    op.add_column("customers", sa.Column("segment_at", at, nullable=True))
    op.add_column("customers", sa.Column("channel", sa.String(length=16), nullable=True))
    op.add_column("customers", sa.Column("stage", sa.String(length=64), nullable=True))
    op.add_column("customers", sa.Column("last_at", at, nullable=True))
    op.create_index("ix_customers_segment", "customers", ["segment", "pk"], unique=False)

    op.add_column("interactions", sa.Column("team", sa.String(length=64), nullable=True))
    op.add_column("interactions", sa.Column("open", sa.Boolean(), server_default=sa.false(), nullable=False))
    # What was read before is recorded anew, from its stored readings, into the new roll-ups.
    op.execute("UPDATE interactions SET status = 'pending', conversation = NULL, attempts = 0 WHERE status = 'scored'")
    op.execute("UPDATE customers SET read_interactions = 0, read_turns = 0")


def downgrade():
    for name in ("team", "open"):
        op.drop_column("interactions", name)
    op.drop_index("ix_customers_segment", "customers")
    for name in ("at_risk", "falling", "segment", "segment_at", "channel", "stage", "last_at"):
        op.drop_column("customers", name)
    for table in (
        "wishes",
        "deliveries",
        "signals",
        "segment_changes",
        "events",
        "daily_customers",
        "subscriptions",
        "self_assessments",
        "daily_agents",
        "daily",
        "common_causes",
        "churn_weights",
    ):
        op.drop_table(table)
