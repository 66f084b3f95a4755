"""how many events of each type there were in each hour, for the overview

A chore counts those of the last days by itself, some seconds at a time.

Revision: 0017, after 0016, made 2026-11-27 00:50:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        'type_totals',
        sa.Column('hour', types.UtcDateTime(timezone=True), nullable=False),
        sa.Column('environment', sa.String(length=16), nullable=False),
        sa.Column('type', sa.String(length=64), nullable=False),
        sa.Column('events', sa.Integer(), nullable=False),
        sa.Column('deliveries', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('hour', 'environment', 'type', name=op.f('pk_type_totals')),
    )


def downgrade():
    op.drop_table('type_totals')
    op.execute(sa.text("DELETE FROM settings WHERE name = 'types_counted_to'"))
