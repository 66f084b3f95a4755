"""filters of the lists that somebody saved

Revision: 0021, after 0020, made 2026-11-27 01:40:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade():
    op.create_table(
        'saved_filters',
        sa.Column('id', ID, nullable=False),
        sa.Column('list', sa.String(length=16), nullable=False),
        sa.Column('name', sa.String(length=60), nullable=False),
        sa.Column('query', sa.JSON(), nullable=False),
        sa.Column('is_shared', sa.Boolean(), nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('created_at', types.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ['user_id'], ['users.id'], name=op.f('fk_saved_filters_user_id_users'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_filters')),
        sa.UniqueConstraint('user_id', 'list', 'name', name=op.f('uq_saved_filters_user_id')),
    )


def downgrade():
    op.drop_table('saved_filters')
