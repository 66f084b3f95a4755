"""Finds the headers of a signature in what people paste: lines of a log or of curl, an object of a language, or CGI.

The formats are many, so the names are looked for wherever they stand. Between a name and its value is one of these:

- ``webhook-id: evt_1``, also after ``>`` (``curl -v``) or in ``-H '…'`` (a shell)
- ``"webhook-id": "evt_1"`` (JSON, Python, JavaScript)
- ``HTTP_WEBHOOK_ID=evt_1`` or ``HTTP_WEBHOOK_ID: evt_1`` (CGI)
- ``[HTTP_WEBHOOK_ID] => evt_1`` or ``"HTTP_WEBHOOK_ID"=>"evt_1"`` (PHP, Ruby)
- ``('webhook-id', 'evt_1')`` (a list of pairs), ``"webhook-id", "value": "evt_1"`` (HAR), or a tab (a table)

A value may stand in brackets, as the values of Go and of JSON lists do.
"""

import json
import re

_NAME = r"(?<![\w-])(?:http_)?(webhook[_-](?:id|timestamp|signature))"  # not X-Webhook-Signature
_COLON = r"""["']?[ \t]*[:=](?!>)[ \t]*"""
_ARROW = r"""["'\]]*\s*=>\s*(?:string\(\d+\)\s*)?"""  # PHP's var_dump adds the length
_PAIR = r"""["']\s*,\s*(?:["']value["']\s*:\s*)?"""
_TAB = r"[ ]*\t[ \t]*"
_QUOTED = r"""(?:[\[(]\s*)?(?:"([^"\n]*)"|'([^'\n]*)')"""
_BRACKETED = r"\[([^\]\n]{0,500})\]"  # limited, so that no text takes long
_PLAIN = r"""((?:[^"',;}\n]|,(?!\s))*)"""  # a signature has a comma inside
_HEADER = re.compile(rf"{_NAME}(?:{_COLON}|{_ARROW}|{_PAIR}|{_TAB})(?:{_QUOTED}|{_BRACKETED}|{_PLAIN})", re.IGNORECASE)


def parse_headers(text: str) -> dict[str, str]:
    """Return those of the three headers of a signature that are in ``text``, with names in small letters."""
    found = {}
    for name, double, single, bracketed, plain in _HEADER.findall(text):
        value = _unescaped(double) or single or bracketed or plain
        found[name.lower().replace("_", "-")] = value.strip()
    return found


def _unescaped(text: str) -> str:
    r"""Return the text of a JSON string. Some writers escape characters of base64, as in ``\/`` and ``\u003d``."""
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text
