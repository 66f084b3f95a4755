"""A form has limits of fields and of bytes, and each field has a name."""

import pytest
from flask.testing import FlaskClient

from webhooks_ui.models.event_type import NAME_MAX_CHARACTERS as EVENT_TYPE_MAX
from webhooks_ui.web.form_data import FIELDS_MAX, URLENCODED


@pytest.mark.parametrize("path", ["/login", "/login/again"])
def test_a_form_with_too_many_fields_is_not_read(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data=b"a=b&" * FIELDS_MAX, content_type=URLENCODED)
    assert answer.status_code == 413
    assert "10,000 fields" in answer.text


def test_a_form_with_many_fields_is_read(client: FlaskClient) -> None:
    fields = b"email=a@example.com&password=x&" + b"a=b&" * (FIELDS_MAX - 3)
    answer = client.post("/login", data=fields, content_type=URLENCODED)
    assert "The email address or the password is wrong." in answer.text


@pytest.mark.parametrize("path", ["/login", "/login/again"])
def test_a_form_that_is_too_large_is_not_read(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data=b"email=" + b"%3C" * 800_000, content_type=URLENCODED)
    assert answer.status_code == 413
    assert "2 MiB" in answer.text


def test_a_form_with_the_longest_names_of_10_000_event_types_is_read(client: FlaskClient) -> None:
    fields = b"email=a@example.com&password=x" + f"&events={'a' * EVENT_TYPE_MAX}".encode() * (FIELDS_MAX - 2)
    answer = client.post("/login", data=fields, content_type=URLENCODED)
    assert "The email address or the password is wrong." in answer.text


def test_a_field_without_a_name_gets_400(client: FlaskClient) -> None:
    field = b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"
    answer = client.post("/login", data=field, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400
