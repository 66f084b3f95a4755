"""room for more than 2,147,483,647 attempts in an hourly total

Revision: 0025, after 0024, made 2026-11-29 11:45:00
"""

import sqlalchemy as sa
from alembic import op

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade():
    _retype(sa.Integer(), sa.BigInteger())


def downgrade():
    _retype(sa.BigInteger(), sa.Integer())


def _retype(old, new):
    if op.get_bind().dialect.name == 'postgresql':  # an integer of SQLite has 64 bits
        op.alter_column('hourly_totals', 'count', existing_type=old, type_=new, existing_nullable=False)
