"""Statements in SQL, read once: to parse one takes as long as to run it."""

from functools import lru_cache

from sqlalchemy import text

statement_of = lru_cache(maxsize=256)(text)
