"""pace, order, several secrets in grace, and forms that work once

Revision: 0005, after 0004, made 2026-11-26 10:30:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types
from webhooks_ui.models.webhook import _search_rest, _search_text

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

IN_ORDER = sa.text("in_order AND status = 'pending'")
LEASED_IN_ORDER = sa.text("in_order AND lease_token IS NOT NULL")
LONG = sa.text("search_rest IS NOT NULL")
TIME = types.UtcDateTime(timezone=True)
BATCH_ROWS = 1_000


def upgrade():
    op.add_column('deliveries', sa.Column('throttled_count', sa.Integer(), server_default='0', nullable=False))
    op.add_column('deliveries', sa.Column('give_up_at', TIME, nullable=True))
    op.add_column('deliveries', sa.Column('in_order', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        'ix_deliveries_in_order', 'deliveries', ['webhook_id', 'id'], sqlite_where=IN_ORDER, postgresql_where=IN_ORDER
    )
    op.create_index(
        'ix_deliveries_leased_in_order', 'deliveries', ['webhook_id'],
        sqlite_where=LEASED_IN_ORDER, postgresql_where=LEASED_IN_ORDER,
    )
    op.add_column('webhooks', sa.Column('older_secrets', sa.JSON(), server_default='[]', nullable=False))
    op.add_column('webhooks', sa.Column('rate_limit', sa.Integer(), nullable=True))
    op.add_column('webhooks', sa.Column('rate_period', sa.String(length=8), server_default='second', nullable=False))
    op.add_column('webhooks', sa.Column('in_order', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('webhooks', sa.Column('paced_until', TIME, nullable=True))
    op.add_column('webhooks', sa.Column('throttled_until', TIME, nullable=True))
    op.add_column('webhooks', sa.Column('throttled_at', TIME, nullable=True))
    op.add_column('webhooks', sa.Column('throttle_rate', sa.Double(), nullable=True))
    op.add_column('webhooks', sa.Column('throttle_step', sa.Double(), nullable=True))
    op.add_column('webhooks', sa.Column('throttle_count', sa.Integer(), server_default='0', nullable=False))
    op.add_column('webhooks', sa.Column('search_rest', sa.Text(), nullable=True))
    _keep_previous_secrets()
    _search_whole_urls()
    op.drop_column('webhooks', 'previous_secret_encrypted')
    op.drop_column('webhooks', 'previous_secret_expires_at')
    op.create_index('ix_webhooks_long', 'webhooks', ['id'], sqlite_where=LONG, postgresql_where=LONG)
    op.create_table(
        'form_tokens',
        sa.Column('token', sa.String(length=64), nullable=False),
        sa.Column('address', sa.Text(), nullable=False),
        sa.Column('sealed', sa.Text(), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('token', name=op.f('pk_form_tokens')),
    )
    op.create_index(op.f('ix_form_tokens_created_at'), 'form_tokens', ['created_at'])


def downgrade():
    op.drop_table('form_tokens')
    op.drop_index('ix_webhooks_long', 'webhooks')
    op.add_column('webhooks', sa.Column('previous_secret_encrypted', sa.Text(), nullable=True))
    op.add_column('webhooks', sa.Column('previous_secret_expires_at', TIME, nullable=True))
    _keep_newest_older_secret()
    for column in (
        'older_secrets', 'rate_limit', 'rate_period', 'in_order', 'paced_until', 'throttled_until', 'throttled_at',
        'throttle_rate', 'throttle_step', 'throttle_count', 'search_rest',
    ):
        op.drop_column('webhooks', column)
    op.drop_index('ix_deliveries_leased_in_order', 'deliveries')
    op.drop_index('ix_deliveries_in_order', 'deliveries')
    for column in ('throttled_count', 'give_up_at', 'in_order'):
        op.drop_column('deliveries', column)


WEBHOOKS = sa.table(
    'webhooks',
    sa.column('id', sa.BigInteger()),
    sa.column('name', sa.Text()),
    sa.column('url', sa.Text()),
    sa.column('search_text', sa.Text()),
    sa.column('search_rest', sa.Text()),
    sa.column('older_secrets', sa.JSON()),
    sa.column('previous_secret_encrypted', sa.Text()),
    sa.column('previous_secret_expires_at', TIME),
)


def _keep_previous_secrets():
    c = WEBHOOKS.c
    query = sa.select(c.id, c.previous_secret_encrypted, c.previous_secret_expires_at)
    connection = op.get_bind()
    for row in connection.execute(query.where(c.previous_secret_expires_at.is_not(None))).all():
        older = {
            'id': 'previous',
            'secret_encrypted': row.previous_secret_encrypted,
            'expires_at': row.previous_secret_expires_at.isoformat(),
        }
        connection.execute(sa.update(WEBHOOKS).where(c.id == row.id).values(older_secrets=[older]))


def _keep_newest_older_secret():
    c, connection = WEBHOOKS.c, op.get_bind()
    for row in connection.execute(sa.select(c.id, c.older_secrets)).all():
        if row.older_secrets:
            newest = row.older_secrets[0]
            values = {
                'previous_secret_encrypted': newest['secret_encrypted'],
                'previous_secret_expires_at': types.datetime.fromisoformat(newest['expires_at']),
            }
            connection.execute(sa.update(WEBHOOKS).where(c.id == row.id).values(values))


def _search_whole_urls():
    """Search texts are kept anew where they change: written with accents apart, or longer than the index takes."""
    c, connection, last = WEBHOOKS.c, op.get_bind(), 0
    while rows := connection.execute(
        sa.select(c.id, c.name, c.url, c.search_text).where(c.id > last).order_by(c.id).limit(BATCH_ROWS)
    ).all():
        last = rows[-1].id
        for row in rows:
            text, rest = _search_text(row.name, row.url), _search_rest(row.name, row.url)
            if text != row.search_text or rest is not None:
                values = {'search_text': text, 'search_rest': rest}
                connection.execute(sa.update(WEBHOOKS).where(c.id == row.id).values(values))
