"""The delivery log as the tests read it."""

import re

LOG = "/admin/webhook-deliveries"


def shown_ids(client, **filters):
    """The deliveries on the page, from the top."""
    page = client.get(LOG, query_string=filters)
    assert page.status_code == 200
    return [int(number) for number in re.findall(r'<tr id="delivery-(\d+)"', page.text)]
