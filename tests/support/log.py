"""Reads the page of the delivery log."""

import re

from flask.testing import FlaskClient

LOG = "/admin/webhook-deliveries"


def shown_ids(client: FlaskClient, **filters: object) -> list[int]:
    """Return the ids of the deliveries on the page, from the top."""
    page = client.get(LOG, query_string=filters)
    assert page.status_code == 200
    return [int(number) for number in re.findall(r'<tr id="delivery-(\d+)"', page.text)]
