"""when a webhook was last sent to and last succeeded, and indexes for its health

Revision: 0020, after 0019, made 2026-11-27 00:10:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None

LIVE = sa.text('deleted_at IS NULL')
NOTICED = (
    'breaker_opened_at IS NOT NULL OR disabled_at IS NOT NULL OR unreadable_at IS NOT NULL'
    '{throttled} OR certificate_notice IS NOT NULL'
)
LOOKED_AT = [
    'environment', 'active', 'disabled_at', 'unreadable_at', 'breaker_opened_at', 'throttled_until',
    'succeeded_hour', 'attempted_hour', 'search_text',
]
LOOKED_AT_BEFORE = ['environment', 'active', 'breaker_opened_at', 'disabled_at', 'search_text']
LISTS = {'ix_webhooks_by_creation': 'created_at', 'ix_webhooks_by_name': 'name_key'}
COUNTED = ['environment', 'active', 'succeeded_hour', 'attempted_hour']


def upgrade():
    for name in ('attempted_hour', 'succeeded_hour'):
        op.add_column('webhooks', sa.Column(name, sa.Integer(), server_default='0', nullable=False))
    _note_hours()
    _index(LOOKED_AT, COUNTED)
    op.drop_index('ix_webhooks_noticed', 'webhooks')
    _index_few('ix_webhooks_ailing', NOTICED.format(throttled=' OR throttled_until IS NOT NULL'))


def downgrade():
    op.drop_index('ix_webhooks_ailing', 'webhooks')
    _index_few('ix_webhooks_noticed', NOTICED.format(throttled=''))
    _index(LOOKED_AT_BEFORE, COUNTED[:2])
    op.drop_column('webhooks', 'succeeded_hour')
    op.drop_column('webhooks', 'attempted_hour')


def _note_hours():
    """Take the hours of the last attempt and of the last success from the statistics."""
    stats = sa.table(
        'stats', sa.column('webhook_id'), sa.column('hour', types.UtcDateTime()), sa.column('succeeded', sa.Boolean())
    )
    hours = sa.column('attempted_hour', sa.Integer()), sa.column('succeeded_hour', sa.Integer())
    webhooks = sa.table('webhooks', sa.column('id'), *hours)
    number = sa.cast(sa.extract('epoch', sa.func.max(stats.c.hour)) / 3_600, sa.Integer())
    own = sa.select(number).where(stats.c.webhook_id == webhooks.c.id)
    last = {'attempted_hour': own, 'succeeded_hour': own.where(stats.c.succeeded)}
    found = {name: sa.func.coalesce(query.scalar_subquery(), 0) for name, query in last.items()}
    op.execute(sa.update(webhooks).values(found))


def _index(looked_at, counted):
    for name, first in LISTS.items():
        op.drop_index(name, 'webhooks')
        op.create_index(name, 'webhooks', [first, 'id', *looked_at], sqlite_where=LIVE, postgresql_where=LIVE)
    op.drop_index('ix_webhooks_counted', 'webhooks')
    op.create_index('ix_webhooks_counted', 'webhooks', counted, sqlite_where=LIVE, postgresql_where=LIVE)


def _index_few(name, condition):
    where = sa.text(f'({condition})')
    op.create_index(name, 'webhooks', ['id'], sqlite_where=where, postgresql_where=where)
