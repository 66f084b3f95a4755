"""keys of new events, a row for each event

Revision: 0022, after 0021, made 2026-11-28 08:10:00
"""

import sqlalchemy as sa
from alembic import op

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade():
    op.create_table(
        'fresh_keys',
        sa.Column('event_id', ID, nullable=False, autoincrement=False),
        sa.Column('keys', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('event_id', name=op.f('pk_fresh_keys')),
    )


def downgrade():
    """Make rows of ``event_keys`` of what a chore has not yet made rows of."""
    connection = op.get_bind()
    fresh = connection.execute(sa.text('SELECT event_id, keys FROM fresh_keys')).all()
    rows = [{'value': key, 'event_id': id} for id, keys in fresh for key in keys.split('\n') if key]
    if rows:
        insert = 'INSERT INTO event_keys (value, event_id) VALUES (:value, :event_id) ON CONFLICT DO NOTHING'
        connection.execute(sa.text(insert), rows)
    op.drop_table('fresh_keys')
