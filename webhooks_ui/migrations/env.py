"""Runs migrations on the app's own engine, inside the context that ``flask db`` pushes."""

from alembic import context

from webhooks_ui.database import db, dialect

with db.engine.connect().execution_options(writes=True) as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=True,
        compare_type=True,
        user_module_prefix="types.",
    )
    with context.begin_transaction():
        context.run_migrations()

dialect(db.engine).after_migration(db.engine)
