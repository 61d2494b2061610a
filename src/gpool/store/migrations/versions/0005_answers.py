"""Make the table of answers to requests that carried an Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it. A controller of the version before does not fill it: what it carries out may be carried out again."""
    op.create_table(
        "answer",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("body", sa.LargeBinary),
    )
    op.create_index("answer_by_age", "answer", ["made_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("answer")
