"""the indexes of the queue are those of deliveries with a due_at, whatever the status says

Revision: 0011, after 0010, made 2026-11-26 20:30:00
"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

COLUMNS = {'ix_deliveries_due': ['webhook_id', 'due_at', 'id'], 'ix_deliveries_in_order': ['webhook_id', 'id']}
BEFORE = {'ix_deliveries_due': "status = 'pending'", 'ix_deliveries_in_order': "in_order AND status = 'pending'"}
AFTER = {'ix_deliveries_due': 'due_at IS NOT NULL', 'ix_deliveries_in_order': 'in_order AND due_at IS NOT NULL'}


def upgrade():
    op.execute("UPDATE deliveries SET due_at = NULL WHERE status <> 'pending' AND due_at IS NOT NULL")
    _make_anew(AFTER)


def downgrade():
    _make_anew(BEFORE)


def _make_anew(conditions):
    for name, condition in conditions.items():
        op.drop_index(name, 'deliveries')
        where = sa.text(condition)
        op.create_index(name, 'deliveries', COLUMNS[name], sqlite_where=where, postgresql_where=where)
