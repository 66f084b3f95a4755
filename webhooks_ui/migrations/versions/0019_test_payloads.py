"""payloads of test events that somebody saved

Revision: 0019, after 0018, made 2026-11-27 00:50:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade():
    op.create_table(
        'test_payloads',
        sa.Column('id', ID, nullable=False),
        sa.Column('event_type', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=60), nullable=False),
        sa.Column('data', sa.Text(), nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('created_at', types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ['user_id'], ['users.id'], name=op.f('fk_test_payloads_user_id_users'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_test_payloads')),
        sa.UniqueConstraint('event_type', 'name', name=op.f('uq_test_payloads_event_type')),
    )
    op.create_index(op.f('ix_test_payloads_user_id'), 'test_payloads', ['user_id'])


def downgrade():
    op.drop_table('test_payloads')
