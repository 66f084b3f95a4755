"""an index of the deleted webhooks, for the search of the delivery log

Revision: 0004, after 0003, made 2026-11-25 06:20:00
"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

DELETED = sa.text('deleted_at IS NOT NULL')


def upgrade():
    op.create_index(
        'ix_webhooks_deleted', 'webhooks', ['id', 'search_text'], sqlite_where=DELETED, postgresql_where=DELETED
    )


def downgrade():
    op.drop_index('ix_webhooks_deleted', 'webhooks')
