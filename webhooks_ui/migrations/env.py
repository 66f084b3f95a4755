"""Runs migrations on the app's own engine, inside the context that ``flask db`` pushes."""

from alembic import context
from flask import current_app

from webhooks_ui.database import db, dialect
from webhooks_ui.instance_folder import make_folder

instance, file = current_app.config["INSTANCE_PATH"], dialect(db.engine).data_file(db.engine)
if file and file.parent == instance:  # in production nothing else has made it yet
    make_folder(instance)

with db.engine.connect().execution_options(writes=True) as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        compare_type=True,
        user_module_prefix="types.",
    )
    with context.begin_transaction(), dialect(db.engine).migrating(connection):
        context.run_migrations()

dialect(db.engine).after_migration(db.engine)
