"""inspectors, and the requests that they got

Revision: 0018, after 0017, made 2026-11-27 00:10:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = types.UtcDateTime(timezone=True)


def upgrade():
    op.create_table(
        'inspectors',
        sa.Column('id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('name', sa.String(length=60), nullable=False),
        sa.Column('token', sa.String(length=64), nullable=False),
        sa.Column('code', sa.Integer(), nullable=False),
        sa.Column('delay_seconds', sa.Integer(), nullable=False),
        sa.Column('retry_after_seconds', sa.Integer(), nullable=True),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('looked_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['user_id'], ['users.id'], name=op.f('fk_inspectors_user_id_users'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_inspectors')),
        sa.UniqueConstraint('token', name=op.f('uq_inspectors_token')),
    )
    op.create_index(op.f('ix_inspectors_user_id'), 'inspectors', ['user_id'])
    op.create_table(
        'inspected_requests',
        sa.Column('id', ID, nullable=False),
        sa.Column('inspector_id', ID, nullable=False),
        sa.Column('received_at', TIME, nullable=False),
        sa.Column('method', sa.String(length=16), nullable=False),
        sa.Column('head_encrypted', sa.Text(), nullable=False),
        sa.Column('body', sa.LargeBinary(), nullable=False),
        sa.Column('body_bytes', sa.Integer(), nullable=False),
        sa.Column('code', sa.Integer(), nullable=False),
        sa.Column('delay_seconds', sa.Integer(), nullable=False),
        sa.Column('was_busy', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ['inspector_id'],
            ['inspectors.id'],
            name=op.f('fk_inspected_requests_inspector_id_inspectors'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_inspected_requests')),
        sqlite_autoincrement=True,
    )
    op.create_index('ix_inspected_requests_inspector', 'inspected_requests', ['inspector_id', 'id'])


def downgrade():
    op.drop_table('inspected_requests')
    op.drop_table('inspectors')
