"""Turns know the sender's own id of them, and how sure a recogniser was; ratings and endings of webhooks are remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    op.add_column("turns", sa.Column("id", sa.String(length=200), nullable=True))
    op.add_column("turns", sa.Column("confidence", sa.Float(), nullable=True))
    op.create_table(
        "heard",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("source", "digest", name=op.f("pk_heard")),
    )
    op.create_index("ix_interactions_status", "interactions", ["customer_pk", "status"])
    op.create_index("ix_turns_id", "turns", ["interaction_pk", "id"], unique=True)


def downgrade():
    op.drop_table("heard")
    op.drop_index("ix_interactions_status", "interactions")
    op.drop_index("ix_turns_id", "turns")
    for name in ("id", "confidence"):
        op.drop_column("turns", name)
