"""First tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

at = sa.DateTime(timezone=True)


def upgrade():
    op.create_table(
        "api_keys",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=64), nullable=False),
        sa.Column("created_at", at, nullable=False),
        sa.Column("revoked_at", at, nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
        sa.UniqueConstraint("name", name=op.f("uq_api_keys_name")),
    )
    op.create_table(
        "customers",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("created_at", at, nullable=False),
        sa.Column("read_interactions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("read_turns", sa.Integer(), server_default="0", nullable=False),
        sa.Column("mood", sa.JSON(), nullable=True),
        sa.Column("risk", sa.Integer(), server_default="0", nullable=False),
        sa.Column("risk_changed_at", at, nullable=True),
        sa.Column("mood_at", at, nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_customers")),
        sa.UniqueConstraint("external_id", name=op.f("uq_customers_external_id")),
    )
    op.create_index("ix_customers_mood_at", "customers", ["mood_at"])
    op.create_index(
        "ix_customers_risk",
        "customers",
        ["risk", "pk"],
        postgresql_where=sa.text("risk > 0"),
        sqlite_where=sa.text("risk > 0"),
    )

    op.create_table(
        "identities",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=320), nullable=False),
        sa.Column("customer_pk", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["customer_pk"], ["customers.pk"], name=op.f("fk_identities_customer_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_identities")),
        sa.UniqueConstraint("kind", "value", name=op.f("uq_identities_kind")),
    )
    op.create_index("ix_identities_customer_pk", "identities", ["customer_pk"])

    op.create_table(
        "interactions",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("customer_pk", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("occurred_at", at, nullable=False),
        sa.Column("received_at", at, nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=True),
        sa.Column("agent", sa.String(length=200), nullable=True),
        sa.Column("rating", sa.JSON(), nullable=True),
        sa.Column("attributes", sa.JSON(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("lease_token", sa.String(length=36), nullable=True),
        sa.Column("lease_until", at, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("conversation", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["customer_pk"], ["customers.pk"], name=op.f("fk_interactions_customer_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_interactions")),
        sa.UniqueConstraint("source", "id", name=op.f("uq_interactions_source")),
    )
    op.create_index("ix_interactions_customer_pk", "interactions", ["customer_pk", "occurred_at"])
    op.create_index(
        "ix_interactions_pending",
        "interactions",
        ["pk"],
        postgresql_where=sa.text("status = 'pending'"),
        sqlite_where=sa.text("status = 'pending'"),
    )

    op.create_table(
        "turns",
        sa.Column("interaction_pk", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("speaker", sa.String(length=8), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("start_s", sa.Float(), nullable=True),
        sa.Column("end_s", sa.Float(), nullable=True),
        sa.Column("reading", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["interaction_pk"], ["interactions.pk"], name=op.f("fk_turns_interaction_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("interaction_pk", "position", name=op.f("pk_turns")),
    )


def downgrade():
    for table in ("turns", "interactions", "identities", "customers", "api_keys"):
        op.drop_table(table)
