"""scopes, ends and older texts of API keys, and webhooks whose secret was lost

Revision: 0008, after 0007, made 2026-11-26 13:10:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

TIME = types.UtcDateTime(timezone=True)
# What each key could do before keys had scopes
EVERYTHING = [
    'events:write', 'webhooks:read', 'webhooks:write', 'secrets:read', 'deliveries:read', 'deliveries:retry',
]
NOTICED_BEFORE = sa.text('(breaker_opened_at IS NOT NULL OR disabled_at IS NOT NULL)')
NOTICED = sa.text('(breaker_opened_at IS NOT NULL OR disabled_at IS NOT NULL OR unreadable_at IS NOT NULL)')


def upgrade():
    with op.batch_alter_table('api_keys') as batch:
        batch.add_column(sa.Column('scopes', sa.JSON(), nullable=True))
        batch.add_column(sa.Column('expires_at', TIME, nullable=True))
        batch.add_column(sa.Column('last_used_from', sa.String(length=64), nullable=True))
        batch.add_column(sa.Column('older_used_at', TIME, nullable=True))
        batch.add_column(sa.Column('older_prefix', sa.String(length=16), nullable=True))
        batch.add_column(sa.Column('older_digest', sa.String(length=64), nullable=True))
        batch.add_column(sa.Column('older_expires_at', TIME, nullable=True))
    keys = sa.table('api_keys', sa.column('scopes', sa.JSON()))
    op.execute(sa.update(keys).values(scopes=EVERYTHING))
    with op.batch_alter_table('api_keys') as batch:
        batch.alter_column('scopes', existing_type=sa.JSON(), nullable=False)
        batch.create_unique_constraint(batch.f('uq_api_keys_older_digest'), ['older_digest'])
    op.add_column('webhooks', sa.Column('unreadable_at', TIME, nullable=True))
    _index_noticed(NOTICED)


def downgrade():
    """Go back to keys that may do everything. Those whose end is over must not work again."""
    keys = sa.table('api_keys', sa.column('expires_at', TIME), sa.column('revoked_at', TIME))
    ended = sa.and_(keys.c.expires_at <= types.utcnow(), keys.c.revoked_at.is_(None))
    op.execute(sa.update(keys).where(ended).values(revoked_at=keys.c.expires_at))
    with op.batch_alter_table('api_keys') as batch:
        batch.drop_constraint(batch.f('uq_api_keys_older_digest'), type_='unique')
        for column in (
            'scopes', 'expires_at', 'last_used_from', 'older_used_at', 'older_prefix', 'older_digest',
            'older_expires_at',
        ):
            batch.drop_column(column)
    _index_noticed(NOTICED_BEFORE)
    op.drop_column('webhooks', 'unreadable_at')


def _index_noticed(condition):
    op.drop_index('ix_webhooks_noticed', 'webhooks')
    op.create_index('ix_webhooks_noticed', 'webhooks', ['id'], sqlite_where=condition, postgresql_where=condition)
