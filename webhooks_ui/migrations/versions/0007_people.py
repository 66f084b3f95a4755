"""people: sessions, second factors, passkeys, invitations and single sign-on

Revision: 0007, after 0006, made 2026-11-26 12:00:00
"""

import sqlalchemy as sa
from alembic import op

from webhooks_ui.models import types

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = types.UtcDateTime(timezone=True)
NEW_COLUMNS = (
    'name', 'joined_at', 'deactivated_at', 'last_seen_at', 'totp_secret_encrypted', 'totp_enabled_at',
    'totp_last_step', 'wrong_codes', 'wrong_code_at', 'passkey_handle', 'oidc_issuer', 'oidc_subject',
)


def of_user(table):
    return (
        sa.Column('user_id', ID, nullable=table == 'one_time_tokens'),
        sa.ForeignKeyConstraint(
            ['user_id'], ['users.id'], name=op.f(f'fk_{table}_user_id_users'), ondelete='CASCADE'
        ),
    )


def upgrade():
    with op.batch_alter_table('users') as batch:
        batch.alter_column('password_hash', existing_type=sa.Text(), nullable=True)
        batch.add_column(sa.Column('name', sa.String(length=100), server_default='', nullable=False))
        batch.add_column(sa.Column('joined_at', TIME, nullable=True))
        batch.add_column(sa.Column('deactivated_at', TIME, nullable=True))
        batch.add_column(sa.Column('last_seen_at', TIME, nullable=True))
        batch.add_column(sa.Column('totp_secret_encrypted', sa.Text(), nullable=True))
        batch.add_column(sa.Column('totp_enabled_at', TIME, nullable=True))
        batch.add_column(sa.Column('totp_last_step', sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column('wrong_codes', sa.Integer(), server_default='0', nullable=False))
        batch.add_column(sa.Column('wrong_code_at', TIME, nullable=True))
        batch.add_column(sa.Column('passkey_handle', sa.String(length=64), nullable=True))
        batch.add_column(sa.Column('oidc_issuer', sa.String(length=255), nullable=True))
        batch.add_column(sa.Column('oidc_subject', sa.String(length=255), nullable=True))
        batch.create_unique_constraint(op.f('uq_users_passkey_handle'), ['passkey_handle'])
        batch.create_unique_constraint(op.f('uq_users_oidc_issuer'), ['oidc_issuer', 'oidc_subject'])
    op.execute('UPDATE users SET joined_at = created_at')
    op.create_table(
        'user_sessions',
        sa.Column('id', ID, nullable=False),
        *of_user('user_sessions'),
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('method', sa.String(length=16), nullable=False),
        sa.Column('two_factors', sa.Boolean(), nullable=False),
        sa.Column('address', sa.String(length=64), nullable=True),
        sa.Column('user_agent', sa.String(length=300), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('last_seen_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_user_sessions')),
        sa.UniqueConstraint('digest', name=op.f('uq_user_sessions_digest')),
    )
    op.create_index(op.f('ix_user_sessions_user_id'), 'user_sessions', ['user_id'])
    op.create_index(op.f('ix_user_sessions_created_at'), 'user_sessions', ['created_at'])
    op.create_table(
        'passkeys',
        sa.Column('id', ID, nullable=False),
        *of_user('passkeys'),
        sa.Column('name', sa.String(length=60), nullable=False),
        sa.Column('credential_id', sa.Text(), nullable=False),
        sa.Column('public_key', sa.LargeBinary(), nullable=False),
        sa.Column('sign_count', sa.BigInteger(), nullable=False),
        sa.Column('verifies', sa.Boolean(), nullable=False),
        sa.Column('transports', sa.JSON(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('last_used_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_passkeys')),
        sa.UniqueConstraint('credential_id', name=op.f('uq_passkeys_credential_id')),
    )
    op.create_index(op.f('ix_passkeys_user_id'), 'passkeys', ['user_id'])
    op.create_table(
        'recovery_codes',
        sa.Column('id', ID, nullable=False),
        *of_user('recovery_codes'),
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('used_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_recovery_codes')),
        sa.UniqueConstraint('digest', name=op.f('uq_recovery_codes_digest')),
    )
    op.create_index(op.f('ix_recovery_codes_user_id'), 'recovery_codes', ['user_id'])
    op.create_table(
        'one_time_tokens',
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('purpose', sa.String(length=16), nullable=False),
        *of_user('one_time_tokens'),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('digest', name=op.f('pk_one_time_tokens')),
    )
    op.create_index(op.f('ix_one_time_tokens_user_id'), 'one_time_tokens', ['user_id'])
    op.create_index(op.f('ix_one_time_tokens_expires_at'), 'one_time_tokens', ['expires_at'])


def downgrade():
    for table in ('one_time_tokens', 'recovery_codes', 'passkeys', 'user_sessions'):
        op.drop_table(table)
    # Who may not sign in by a password has none afterwards: no text has an empty hash.
    op.execute("UPDATE users SET password_hash = '' WHERE password_hash IS NULL OR deactivated_at IS NOT NULL")
    with op.batch_alter_table('users') as batch:
        batch.alter_column('password_hash', existing_type=sa.Text(), nullable=False)
        batch.drop_constraint(op.f('uq_users_passkey_handle'), type_='unique')
        batch.drop_constraint(op.f('uq_users_oidc_issuer'), type_='unique')
        for column in NEW_COLUMNS:
            batch.drop_column(column)
