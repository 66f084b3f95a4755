"""the body of an attempt, where it isn't the event as it was published

Revision: 0006, after 0005, made 2026-11-26 12:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('attempts', sa.Column('request_body', sa.LargeBinary(), nullable=True))


def downgrade():
    op.drop_column('attempts', 'request_body')
