"""URLs are also searched as people write them, with letters beyond ASCII

Revision: 0027, after 0026, made 2026-11-29 15:15:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models.webhook import _search_rest, _search_text

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None

WEBHOOKS = sa.table(
    'webhooks',
    sa.column('id', sa.BigInteger()),
    sa.column('name', sa.Text()),
    sa.column('url', sa.Text()),
    sa.column('search_text', sa.Text()),
    sa.column('search_rest', sa.Text()),
)


def upgrade():
    c, connection = WEBHOOKS.c, op.get_bind()
    encoded = c.url.contains('xn--') | c.url.contains('%', autoescape=True)
    for row in connection.execute(sa.select(c.id, c.name, c.url).where(encoded)).all():
        values = {'search_text': _search_text(row.name, row.url), 'search_rest': _search_rest(row.name, row.url)}
        connection.execute(sa.update(WEBHOOKS).where(c.id == row.id).values(values))


def downgrade():
    """Change nothing: the versions before search whatever text is there."""
