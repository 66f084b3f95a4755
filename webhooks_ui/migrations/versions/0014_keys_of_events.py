"""keys of events, by which people look for them

Revision: 0014, after 0013, made 2026-11-26 20:30:00
"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

KEY = sa.String(length=128).with_variant(sa.String(length=128, collation='C'), 'postgresql')
ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade():
    """Make the table. A chore fills it with the keys of the events that are there already."""
    op.create_table(
        'event_keys',
        sa.Column('value', KEY, nullable=False),
        sa.Column('event_id', ID, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint('value', 'event_id', name=op.f('pk_event_keys')),
        sqlite_with_rowid=False,
    )
    op.create_index('ix_event_keys_event', 'event_keys', ['event_id'])


def downgrade():
    op.drop_table('event_keys')
    op.execute(sa.text("DELETE FROM settings WHERE name = 'event_keys_from'"))
