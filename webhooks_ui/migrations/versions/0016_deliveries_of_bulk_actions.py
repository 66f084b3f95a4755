"""which bulk action made a delivery due

Revision: 0016, after 0015, made 2026-11-26 20:50:00
"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
BULK = sa.text('bulk_action_id IS NOT NULL')


def upgrade():
    op.add_column('deliveries', sa.Column('bulk_action_id', ID, nullable=True))
    op.create_index(
        'ix_deliveries_bulk',
        'deliveries',
        ['bulk_action_id', 'id', 'status'],
        sqlite_where=BULK,
        postgresql_where=BULK,
    )


def downgrade():
    op.drop_index('ix_deliveries_bulk', 'deliveries')
    op.drop_column('deliveries', 'bulk_action_id')
