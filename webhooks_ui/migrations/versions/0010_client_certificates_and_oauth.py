"""client certificates of webhooks, and notices about their end

Revision: 0010, after 0009, made 2026-11-26 20:30:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

BEFORE = '(breaker_opened_at IS NOT NULL OR disabled_at IS NOT NULL OR unreadable_at IS NOT NULL)'
NOTICED = BEFORE.replace(')', ' OR certificate_notice IS NOT NULL)')
COLUMNS = ('client_certificate', 'certificate_ends_at', 'certificate_notice')


def upgrade():
    with op.batch_alter_table('webhooks') as batch:
        batch.add_column(sa.Column('client_certificate', sa.JSON(), nullable=True))
        batch.add_column(sa.Column('certificate_ends_at', types.UtcDateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column('certificate_notice', sa.String(length=8), nullable=True))
    _index_noticed(NOTICED)


def downgrade():
    """Go back to a product that knows neither. It would send without them, so these webhooks become inactive."""
    webhooks = sa.table(
        'webhooks', sa.column('id'), sa.column('active'), sa.column('auth', sa.JSON(none_as_null=True)),
        sa.column('client_certificate', sa.JSON()),
    )
    authenticated = op.get_bind().execute(sa.select(webhooks.c.id, webhooks.c.auth)).all()
    oauth = [id for id, auth in authenticated if auth and auth['kind'] == 'oauth']
    for id in oauth:
        op.execute(sa.update(webhooks).where(webhooks.c.id == id).values(auth=None, active=False))
    op.execute('UPDATE webhooks SET active = false WHERE client_certificate IS NOT NULL')
    _index_noticed(BEFORE)
    for column in COLUMNS:
        op.drop_column('webhooks', column)


def _index_noticed(condition):
    where = sa.text(condition)
    op.drop_index('ix_webhooks_noticed', 'webhooks')
    op.create_index('ix_webhooks_noticed', 'webhooks', ['id'], sqlite_where=where, postgresql_where=where)
