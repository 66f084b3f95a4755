"""the webhooks that were changed a moment ago, by an index

Revision: 0023, after 0022, made 2026-11-29 11:15:00
"""

from alembic import op

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade():
    op.create_index('ix_webhooks_changed', 'webhooks', ['updated_at'])


def downgrade():
    op.drop_index('ix_webhooks_changed', 'webhooks')
