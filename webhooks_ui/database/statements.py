"""Parses SQL statements once and caches them, because parsing one takes as long as running it."""

from functools import lru_cache

from sqlalchemy import text

statement_of = lru_cache(maxsize=256)(text)
