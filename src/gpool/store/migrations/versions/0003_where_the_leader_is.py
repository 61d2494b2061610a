"""Say in the leader's row where its API is, so that others can send people there."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a controller of the version before leaves it empty."""
    op.add_column("leader", sa.Column("url", sa.String(1024), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("leader", "url")
