"""heartbeats of processes, counters of the metrics, and the trace of an event

Revision: 0009, after 0008, made 2026-11-26 11:50:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        'processes',
        sa.Column('id', sa.String(length=16), nullable=False),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.Column('host', sa.String(length=253), nullable=False),
        sa.Column('pid', sa.Integer(), nullable=False),
        sa.Column('version', sa.String(length=32), nullable=False),
        sa.Column('started_at', types.UtcDateTime(timezone=True), nullable=False),
        sa.Column('beat_at', types.UtcDateTime(timezone=True), nullable=False),
        sa.Column('progressed_at', types.UtcDateTime(timezone=True), nullable=False),
        sa.Column('in_flight', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_processes')),
    )
    op.create_table(
        'counters',
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('labels', sa.String(length=400), nullable=False),
        sa.Column('value', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('name', 'labels', name=op.f('pk_counters')),
    )
    op.add_column('events', sa.Column('traceparent', sa.String(length=55), nullable=True))


def downgrade():
    op.drop_column('events', 'traceparent')
    op.drop_table('counters')
    op.drop_table('processes')
