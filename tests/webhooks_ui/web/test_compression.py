"""Compressed answers, and what a page weighs."""

import gzip
import re

from flask.testing import FlaskClient

from tests.support.factories import make_webhook
from tests.support.http import HTMX

GZIP = {"Accept-Encoding": "gzip, br"}


def test_a_page_is_compressed_for_those_who_take_it(admin: FlaskClient) -> None:
    plain, packed = admin.get("/admin/webhooks"), admin.get("/admin/webhooks", headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data)
    assert b"Webhooks" in gzip.decompress(packed.data)
    assert "Accept-Encoding" in plain.vary
    assert "Accept-Encoding" in packed.vary


def test_a_refusal_of_gzip_is_heeded(admin: FlaskClient) -> None:
    answer = admin.get("/admin/webhooks", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in answer.headers


def test_a_redirect_is_left_alone(client: FlaskClient) -> None:
    assert "Content-Encoding" not in client.get("/", headers=GZIP).headers


def test_the_list_with_25_rows_weighs_under_60_kb_in_under_10_requests(admin: FlaskClient) -> None:
    for number in range(25):
        make_webhook(name=f"Webhook number {number}", url=f"https://host{number}.example.com/a/path?token={number * 7}")
    page = admin.get("/admin/webhooks", headers=GZIP)
    assets = set(re.findall(r"/assets/[\w.]+\?v=\w+", gzip.decompress(page.data).decode()))
    sizes = [len(admin.get(asset, headers=GZIP).data) for asset in assets]
    assert len(sizes) + 1 < 10
    assert len(page.data) + sum(sizes) < 60_000
    rows = admin.get("/admin/webhooks?q=number", headers=GZIP | HTMX)
    assert len(rows.data) < 8_000
