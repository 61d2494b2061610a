"""Make the tables of how the pool is shared, and of what has happened in it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables. Leases of before are in the queue of the whole pool: that is what their documents leave out."""
    op.create_table(
        "policy",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "queue_use",
        sa.Column("name", sa.String(160), primary_key=True),
        sa.Column("average", sa.Double, nullable=False),
        sa.Column("as_of", sa.Double, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("object_kind", sa.String(16), nullable=False),
        sa.Column("object_name", sa.String(128), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_index("event_by_object", "event", ["object_kind", "object_name", "id"])


def downgrade() -> None:
    """Drop them."""
    for name in ("event", "queue_use", "policy"):
        op.drop_table(name)
