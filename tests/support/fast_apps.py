"""Makes apps faster to create, because thousands of tests create one each."""

from typing import Any

import jinja2
from flask import Flask
from sqlalchemy import text
from werkzeug.routing import Rule

from webhooks_ui.database import db

_compile_builder = Rule._compile_builder
_builders: dict[tuple[Any, ...], Any] = {}


def remember_routes() -> None:
    """Let equal rules of all apps share the functions that build addresses. An app spends most of its time on them."""

    def remembered(rule: Rule, append_unknown: bool = True) -> Any:
        key = rule.rule, rule.subdomain, rule.host, str(rule.defaults), tuple(rule._trace), append_unknown
        if key not in _builders:
            _builders[key] = _compile_builder(rule, append_unknown)
        return _builders[key]

    Rule._compile_builder = remembered  # type: ignore[assignment, method-assign]


class CompiledTemplates(jinja2.BytecodeCache):
    """The compiled templates of all apps in this process. A template that changed is compiled again."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[str, Any]] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        checksum, code = self._codes.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        self._codes[bucket.key] = bucket.checksum, bucket.code


_templates = CompiledTemplates()


def share_templates(app: Flask) -> None:
    """Let the app take templates that another one has compiled."""
    app.jinja_env.bytecode_cache = _templates


def empty_tables_of_postgresql() -> None:
    """Make all tables, or empty those that a test has filled. Making and dropping them takes a second."""
    names = [table.name for table in db.metadata.sorted_tables]
    with db.engine.begin() as connection:
        count = text("SELECT count(*) FROM pg_tables WHERE tablename = ANY(:names)")
        if connection.scalar(count, {"names": names}) == len(names):
            looks = (f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in names)
            filled = connection.scalars(text(" UNION ALL ".join(looks))).all()
            if filled:
                connection.execute(text(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY CASCADE"))
            return
    db.drop_all()
    db.create_all()
