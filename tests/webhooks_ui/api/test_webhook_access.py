"""OAuth and the client certificate of a webhook through the API."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.authorities import Authority
from tests.support.stored import the_webhook
from tests.webhooks_ui.api.conftest import Api
from tests.webhooks_ui.api.test_garbage import VALUES
from tests.webhooks_ui.api.test_webhook_options import create, errors
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry
from webhooks_ui.webhooks.client_certificates import Pair, open_pair
from webhooks_ui.webhooks.oauth import Grant, OAuthClient, open_client
from webhooks_ui.webhooks.own_headers import MASK

TOKEN_URL = "https://93.184.215.14/token"
OAUTH = {"type": "oauth", "token_url": TOKEN_URL, "client_id": "portal", "client_secret": "client-secret"}
ADA = Authority().sign("ada")
PAIR = {"certificate": ADA.certificate, "key": ADA.key}
MASKED = {"certificate": MASK, "key": MASK}


def test_oauth_is_taken_and_told_without_its_secret(api: Api) -> None:
    more = {"scope": "a b", "audience": "orders", "resource": "https://api.example/", "client_authentication": "body"}
    answer = create(api, auth=OAUTH | more)
    assert answer["auth"] == OAUTH | more | {"client_secret": MASK}
    grant = Grant(TOKEN_URL, "a b", "orders", "https://api.example/", "body")
    assert open_client(the_webhook().auth) == OAuthClient("portal", "client-secret", grant)
    version = the_webhook().version
    assert api.patch(f"/webhooks/{answer['id']}", json={"auth": answer["auth"]}).status_code == 200
    assert the_webhook().version == version
    assert "client-secret" not in str([entry.after for entry in db.session.scalars(db.select(AuditEntry))])


def test_the_token_url_is_kept_as_it_is_requested(api: Api) -> None:
    answer = create(api, auth=OAUTH | {"token_url": "HTTPS://93.184.215.14:443/token"})
    assert answer["auth"]["token_url"] == TOKEN_URL
    defaults = {"scope": "", "audience": "", "resource": "", "client_authentication": "basic"}
    assert answer["auth"] == OAUTH | {"client_secret": MASK} | defaults


def test_a_certificate_is_taken_and_told_without_its_pem(api: Api) -> None:
    answer = create(api, client_certificate=PAIR)
    assert answer["client_certificate"] == MASKED
    details = answer["client_certificate_details"]
    assert (details["subject"], details["issuer"]) == ("CN=ada", "CN=Test CA")
    assert details["ends_at"] == the_webhook().certificate_ends_at.isoformat()  # type: ignore[union-attr]
    assert answer["warnings"] == []
    assert open_pair(the_webhook().client_certificate) == Pair(ADA.certificate.strip(), ADA.key.strip())
    address = f"/webhooks/{answer['id']}"
    assert api.patch(address, json={"client_certificate": MASKED}).get_json()["version"] == answer["version"]
    gone = api.patch(address, json={"client_certificate": None}).get_json()
    assert (gone["client_certificate"], gone["client_certificate_details"]) == (None, None)


def test_a_certificate_that_ended_is_taken_with_a_warning(api: Api) -> None:
    ended = Authority().sign("ada", -1)
    (warning,) = create(api, client_certificate={"certificate": ended.certificate, "key": ended.key})["warnings"]
    assert warning.startswith("The client certificate ended on ")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("auth", {"type": "oauth"}, "This field is null"),
        ("auth", OAUTH | {"token": "x"}, "This field is null"),
        ("auth", OAUTH | {"scope": 5}, "This field is null"),
        ("auth", OAUTH | {"client_id": ""}, "OAuth needs the id of the client."),
        ("auth", OAUTH | {"client_secret": ""}, "The client secret must be"),
        ("auth", OAUTH | {"client_secret": MASK}, "Type the client secret. There is none yet that could be kept."),
        ("auth", OAUTH | {"token_url": ""}, "Enter the URL that tokens are fetched from."),
        (
            "auth",
            OAUTH | {"token_url": "https://10.0.0.1/"},
            "The token URL can't be used. The URL leads to a private",
        ),
        ("auth", OAUTH | {"token_url": "ftp://93.184.215.14/"}, "The token URL can't be used."),
        ("auth", OAUTH | {"scope": "ü"}, "The scope must be words of ASCII"),
        ("auth", OAUTH | {"resource": "x"}, "an absolute URI"),
        ("auth", OAUTH | {"client_authentication": "jwt"}, "The client authenticates by basic or body."),
        ("client_certificate", ADA.certificate, "both in PEM"),
        ("client_certificate", {"certificate": ADA.certificate}, "both in PEM"),
        ("client_certificate", PAIR | {"password": "x"}, "both in PEM"),
        ("client_certificate", PAIR | {"key": ""}, "Paste the key, too."),
        ("client_certificate", PAIR | {"key": Authority().sign("bob").key}, "The key doesn't belong"),
        ("client_certificate", MASKED, "There is none yet that could be kept."),
        ("client_certificate_details", None, "This field is read only."),
    ],
)
def test_a_wrong_value_has_its_sentence_at_its_field(api: Api, field: str, value: Any, sentence: str) -> None:
    assert sentence in errors(api, **{field: value})[field]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys([*OAUTH, "scope", "client_authentication"], VALUES)),
    st.fixed_dictionaries({}, optional={"certificate": VALUES, "key": VALUES}),
)
def test_any_value_never_gets_a_500(api: Api, auth: dict[str, Any], pair: dict[str, Any]) -> None:
    for body in ({"auth": OAUTH | auth}, {"client_certificate": PAIR | pair}, {"auth": auth}):
        answer = api.post("/webhooks", json={"name": "x", "url": "https://93.184.215.14/", "events": ["x"], **body})
        assert answer.status_code < 500
