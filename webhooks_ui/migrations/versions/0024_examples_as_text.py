"""the examples of own event types as text, which keeps the digits of their numbers

Examples from before are objects. They are left as they are.

Revision: 0024, after 0023, made 2026-11-29 11:40:00
"""

import json

import sqlalchemy as sa
from alembic import op

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None

TYPES = sa.table('event_types', sa.column('id'), sa.column('example', sa.JSON))


def upgrade():
    """Change nothing: the column holds any JSON, and a text is JSON, too."""


def downgrade():
    """Store all examples as objects, as the product of that time did."""
    connection = op.get_bind()
    for id, example in connection.execute(sa.select(TYPES.c.id, TYPES.c.example)).all():
        if isinstance(example, str):
            connection.execute(sa.update(TYPES).where(TYPES.c.id == id).values(example=json.loads(example)))
