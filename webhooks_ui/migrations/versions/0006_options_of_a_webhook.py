"""the options of a webhook: headers, authentication, filter, fields, timeout and own delays

Revision: 0006, after 0005, made 2026-11-26 12:40:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

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
    op.create_table(
        'event_types',
        sa.Column('id', types.BigId, nullable=False),
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('description', sa.Text(), nullable=False),
        sa.Column('example', sa.JSON(), nullable=False),
        sa.Column('schema', sa.Text(), nullable=True),
        sa.Column('check', sa.String(length=16), nullable=False),
        sa.Column('created_at', types.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_event_types')),
        sa.UniqueConstraint('name', name=op.f('uq_event_types_name')),
    )
    op.add_column('events', sa.Column('note', sa.Text(), nullable=True))
    op.add_column('deliveries', sa.Column('fields', sa.Text(), nullable=True))
    op.add_column('attempts', sa.Column('request_body', sa.LargeBinary(), nullable=True))


def downgrade():
    # The product of that time knows neither these subscriptions nor this schedule.
    op.execute("""
        DELETE FROM subscriptions WHERE event_type IN (SELECT name FROM event_types)
        OR event_type LIKE 'webhook.%' OR event_type LIKE 'delivery.%'
    """)
    op.execute("UPDATE webhooks SET retry_schedule = NULL WHERE retry_schedule = 'own'")
    op.execute("UPDATE webhooks SET format = 'json' WHERE format <> 'json'")
    op.drop_table('event_types')
    op.drop_column('events', 'note')
    for name in COLUMNS:
        op.drop_column('webhooks', name)
    op.drop_column('deliveries', 'fields')
    op.drop_column('attempts', 'request_body')
