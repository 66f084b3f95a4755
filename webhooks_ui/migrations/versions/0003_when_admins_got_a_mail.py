"""when admins last got a mail about a webhook

Revision: 0003, after 0002, made 2026-11-25 05:00:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('webhooks', sa.Column('notified_at', types.UtcDateTime(timezone=True), nullable=True))


def downgrade():
    op.drop_column('webhooks', 'notified_at')
