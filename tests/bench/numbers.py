"""Generates rows inside the database."""

from sqlalchemy import Connection


def numbers(connection: Connection, count: int) -> str:
    """Return a table expression with a column ``n`` from 1 to ``count``."""
    if connection.dialect.name == "postgresql":
        return f"generate_series(1, {count}) AS numbers (n)"
    return f"(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"
