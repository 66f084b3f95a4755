"""the options of a webhook: headers, authentication, filter, fields, timeout and own delays

Revision: 0006, after 0005, made 2026-11-26 12:40:00
"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

COLUMNS = ('headers', 'auth', 'filter', 'fields', 'retry_delays', 'timeout_seconds')


def upgrade():
    with op.batch_alter_table('webhooks') as batch:
        batch.add_column(sa.Column('headers', sa.JSON(), server_default='[]', nullable=False))
        batch.add_column(sa.Column('auth', sa.JSON(), nullable=True))
        batch.add_column(sa.Column('filter', sa.JSON(), nullable=True))
        batch.add_column(sa.Column('fields', sa.JSON(), nullable=True))
        batch.add_column(sa.Column('retry_delays', sa.JSON(), nullable=True))
        batch.add_column(sa.Column('timeout_seconds', sa.Integer(), nullable=True))
    op.add_column('deliveries', sa.Column('fields', sa.Text(), nullable=True))
    op.add_column('attempts', sa.Column('request_body', sa.LargeBinary(), nullable=True))


def downgrade():
    for name in COLUMNS:
        op.drop_column('webhooks', name)
    op.drop_column('deliveries', 'fields')
    op.drop_column('attempts', 'request_body')
