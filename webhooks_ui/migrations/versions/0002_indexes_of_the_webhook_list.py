"""indexes of the webhook list: without deleted webhooks, and in the order of each sort

Revision: 0002, after 0001, made 2026-11-25 04:05:00
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

LIVE = sa.text('deleted_at IS NULL')
LOOKED_AT = ['environment', 'active', 'breaker_opened_at', 'disabled_at', 'search_text']
NEW = {
    'ix_webhooks_by_creation': ['created_at', 'id', *LOOKED_AT],
    'ix_webhooks_by_name': ['name_key', 'id', *LOOKED_AT],
    'ix_webhooks_counted': ['environment', 'active'],
}
OLD = {
    'ix_webhooks_list_environment': ['deleted_at', 'environment', 'created_at', 'id'],
    'ix_webhooks_list_name': ['deleted_at', 'name_key', 'id', *LOOKED_AT[:-1]],
    'ix_webhooks_list_search': ['deleted_at', 'created_at', 'id', *LOOKED_AT],
}


def upgrade():
    for name in OLD:
        op.drop_index(name, 'webhooks')
    op.execute('UPDATE webhooks SET search_text = substr(search_text, 1, 500), name_key = substr(name_key, 1, 100)')
    for name, columns in NEW.items():
        op.create_index(name, 'webhooks', columns, sqlite_where=LIVE, postgresql_where=LIVE)


def downgrade():
    for name in NEW:
        op.drop_index(name, 'webhooks')
    for name, columns in OLD.items():
        op.create_index(name, 'webhooks', columns)
