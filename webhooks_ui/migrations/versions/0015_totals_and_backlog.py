"""hourly totals of all webhooks, and samples of the backlog, for the overview

Revision: 0015, after 0014, made 2026-11-26 20:40:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

TIME = types.UtcDateTime(timezone=True)
FAILED = sa.text('NOT succeeded')


def upgrade():
    op.create_table(
        'hourly_totals',
        sa.Column('hour', TIME, nullable=False),
        sa.Column('environment', sa.String(length=16), nullable=False),
        sa.Column('succeeded', sa.Boolean(), nullable=False),
        sa.Column('duration_bucket_ms', sa.Integer(), nullable=False),
        sa.Column('count', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            'hour', 'environment', 'succeeded', 'duration_bucket_ms', name=op.f('pk_hourly_totals')
        ),
    )
    op.create_table(
        'backlog_samples',
        sa.Column('at', TIME, nullable=False),
        sa.Column('environment', sa.String(length=16), nullable=False),
        sa.Column('waiting', sa.Integer(), nullable=False),
        sa.Column('oldest_due_seconds', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('at', 'environment', name=op.f('pk_backlog_samples')),
    )
    op.create_index('ix_stats_hour', 'stats', ['hour'])
    op.create_index(
        'ix_stats_failed', 'stats', ['hour', 'webhook_id'], sqlite_where=FAILED, postgresql_where=FAILED
    )
    op.execute(
        sa.text(
            'INSERT INTO hourly_totals (hour, environment, succeeded, duration_bucket_ms, count) '
            'SELECT s.hour, w.environment, s.succeeded, s.duration_bucket_ms, sum(s.count) '
            'FROM stats s JOIN webhooks w ON w.id = s.webhook_id '
            'GROUP BY s.hour, w.environment, s.succeeded, s.duration_bucket_ms'
        )
    )


def downgrade():
    op.drop_index('ix_stats_failed', 'stats')
    op.drop_index('ix_stats_hour', 'stats')
    op.drop_table('backlog_samples')
    op.drop_table('hourly_totals')
