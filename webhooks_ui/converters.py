"""Numbers in addresses: one that no database row can have is a 404, not an overflow."""

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter

LARGEST_ID = 2**63 - 1


class RowIdConverter(IntegerConverter):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"max": LARGEST_ID} | options)


def register(app: Flask) -> None:
    app.url_map.converters["int"] = RowIdConverter
