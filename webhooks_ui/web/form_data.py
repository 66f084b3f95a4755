"""Reads the fields of a form, in either way to send one. Each has a name, and they are neither many nor large."""

import io
from typing import IO, Any

from flask import Flask, Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

URLENCODED = "application/x-www-form-urlencoded"
FIELDS_MAX = 10_000  # as many event types of one's own can be ticked. Millions would take many seconds


class FormData(FormDataParser):
    def parse(self, stream: IO[bytes], mimetype: str, *arguments: Any, **options: Any) -> Any:
        """Return the rest of the stream, the fields and the files.

        Raises:
            werkzeug.exceptions.RequestEntityTooLarge: There are too many fields, or they are too large.
            werkzeug.exceptions.BadRequest: A field of a multipart form has no name, which RFC 7578, 4.2, asks for.
        """
        if mimetype == URLENCODED:
            body = stream.read()
            # Werkzeug limits multipart forms alone. Each escape takes time, and anybody may send 8 MiB of them.
            if body.count(b"&") >= FIELDS_MAX or len(body) > (self.max_form_memory_size or len(body)):
                raise RequestEntityTooLarge
            stream = io.BytesIO(body)
        rest, fields, files = super().parse(stream, mimetype, *arguments, **options)
        if None in fields:
            raise BadRequest
        return rest, fields, files


class FormRequest(Request):
    form_data_parser_class = FormData


def register(app: Flask) -> None:
    app.request_class = FormRequest
