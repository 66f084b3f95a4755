"""why a webhook fails, counted by cause

Revision: 0013, after 0012, made 2026-11-26 13:20:00
"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('webhooks', sa.Column('failures', sa.JSON(), server_default='[]', nullable=False))


def downgrade():
    op.drop_column('webhooks', 'failures')
