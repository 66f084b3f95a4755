"""the signature of an attempt and the version that sent it, which its headers are made anew from

Attempts from before have all their headers. They are left as they are.

Revision: 0012, after 0011, made 2026-11-26 20:40:00
"""

import json

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

PORTION = 1_000  # attempts


def upgrade():
    op.add_column('attempts', sa.Column('signature', sa.Text(), nullable=True))
    op.add_column('attempts', sa.Column('sent_by', sa.String(length=32), nullable=True))


def downgrade():
    _store_all_headers(op.get_bind())
    op.drop_column('attempts', 'sent_by')
    op.drop_column('attempts', 'signature')


def _store_all_headers(connection):
    """Store all headers of each attempt, as the product of that time did."""
    query = sa.text("""
        SELECT a.id, a.number, a.started_at, a.signature, a.sent_by, a.request_headers, d.trigger,
            length(coalesce(a.request_body, e.body)) AS length, e.public_id, e.type, e.environment, e.traceparent
        FROM attempts AS a JOIN deliveries AS d ON d.id = a.delivery_id JOIN events AS e ON e.id = d.event_id
        WHERE a.id > :after AND a.sent_by IS NOT NULL ORDER BY a.id LIMIT :most
    """).columns(started_at=_utc(), request_headers=sa.JSON())
    update = sa.text('UPDATE attempts SET request_headers = :headers WHERE id = :id')
    after = 0
    while rows := connection.execute(query, {'after': after, 'most': PORTION}).all():
        connection.execute(update, [{'id': row.id, 'headers': json.dumps(_all_headers(row))} for row in rows])
        after = rows[-1].id


def _utc():
    from webhooks_ui.models import types

    return types.UtcDateTime()


def _all_headers(row):
    from webhooks_ui.deliveries.request_headers import Sent, headers_of, merged

    event = row.public_id, row.type, row.environment, row.length
    attempt = row.number, int(row.started_at.timestamp()), row.signature or ''
    sent = Sent(*event, *attempt, row.trigger == 'test', row.traceparent, row.sent_by, row.trigger == 'replay')
    return merged(headers_of(sent), row.request_headers)
