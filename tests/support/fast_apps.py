"""Makes apps faster to create, because thousands of tests create one each."""

from typing import Any

import jinja2
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from webhooks_ui.database import db

_compile = Rule.compile
_compiled_rules: dict[tuple[Any, ...], dict[str, Any]] = {}


def remember_routes() -> None:
    """Let equal rules of all apps share what Werkzeug compiles them to. An app spends most of its time on that."""

    def compile_once(rule: Rule) -> None:
        assert rule.map is not None
        converters = tuple(sorted((name, str(kind)) for name, kind in rule.map.converters.items()))
        text = rule.rule, rule.subdomain, rule.host, str(rule.defaults)
        key = *text, rule.merge_slashes, rule.map.host_matching, converters
        known = _compiled_rules.get(key)
        if known is None:
            _compile(rule)
            names = ("_parts", "_trace", "_converters", "arguments")
            known = _compiled_rules[key] = {name: getattr(rule, name) for name in names}
            known |= {name: getattr(rule, name).__func__ for name in ("_build", "_build_unknown")}
            return
        for name, value in known.items():
            setattr(rule, name, value.__get__(rule, None) if name.startswith("_build") else value)

    Rule.compile = compile_once  # type: ignore[assignment, method-assign]


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


_statements: dict[str, LRUCache[Any, Any]] = {}


def remember_statements() -> None:
    """Let equal dialects of all engines share the SQL of statements, also that of the mappers."""
    DefaultDialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
    DefaultDialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]


def share_statements(engine: Engine) -> None:
    """Let the engine take SQL that another one of its kind has written."""
    engine._compiled_cache = _statements.setdefault(engine.dialect.name, LRUCache(1_000))


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
