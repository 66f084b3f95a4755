"""how many deliveries were given up because the endpoint asked to wait, and since when

Revision: 0026, after 0025, made 2026-11-29 11:55:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('webhooks', sa.Column('given_up_count', sa.Integer(), server_default='0', nullable=False))
    op.add_column('webhooks', sa.Column('given_up_since', types.UtcDateTime(timezone=True), nullable=True))


def downgrade():
    op.drop_column('webhooks', 'given_up_since')
    op.drop_column('webhooks', 'given_up_count')
