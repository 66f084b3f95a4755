"""OAuth and the client certificate in the form, on the page, in the audit log, in a copy and in a conflict."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.authorities import Authority, Signed, key_pem
from tests.support.factories import lost_secret
from tests.webhooks_ui.views.webhooks.test_option_fields import GOOD, create, errors, preview, stored
from webhooks_ui.database import db, writing
from webhooks_ui.models import AuditEntry, Webhook, utcnow
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.client_certificates import Pair, open_pair
from webhooks_ui.webhooks.oauth import Grant, OAuthClient, open_client
from webhooks_ui.webhooks.own_headers import MASK, Auth, AuthKind

TOKEN_URL = "https://93.184.215.14/oauth/token"
OAUTH = {
    "auth_kind": "oauth",
    "auth_username": "portal",
    "auth_secret": "client-secret",
    "oauth_token_url": TOKEN_URL,
    "oauth_scope": "events:write",
    "oauth_audience": "orders",
    "oauth_resource": "https://api.example.com/",
    "oauth_method": "body",
}
AUTHORITY = Authority()
ADA = AUTHORITY.sign("ada")
KEPT = {"client_certificate": MASK, "client_key": MASK}


def pasted(signed: Signed) -> dict[str, str]:
    return {"client_certificate": signed.certificate, "client_key": signed.key}


def edit(admin: FlaskClient, webhook: Webhook, **fields: Any) -> TestResponse:
    db.session.rollback()
    version = changes.get(webhook.id).version
    return admin.post(f"/admin/webhooks/{webhook.id}/edit", data=GOOD | {"version": version} | fields)


def the_webhook() -> Webhook:
    (webhook,) = stored()
    return webhook


def log() -> str:
    db.session.rollback()
    return str([(entry.before, entry.after) for entry in db.session.scalars(db.select(AuditEntry))])


def test_oauth_is_saved_and_shown_without_its_secret(admin: FlaskClient) -> None:
    answer = create(admin, **OAUTH)
    assert answer.status_code == 303, errors(answer.text)
    webhook = the_webhook()
    grant = Grant(TOKEN_URL, "events:write", "orders", "https://api.example.com/", "body")
    assert open_client(webhook.auth) == OAuthClient("portal", "client-secret", grant)
    page = html.unescape(admin.get(f"/admin/webhooks/{webhook.id}").text)
    assert (
        "OAuth, client portal, token from https://93.184.215.14/oauth/…, scope events:write, audience orders, "
        "resource https://api.example.com/, by body" in page
    )
    form = admin.get(f"/admin/webhooks/{webhook.id}/edit").text
    assert f'value="{TOKEN_URL}"' in form
    assert "client-secret" not in page + form + log() + admin.get("/admin/audit-log").text
    assert edit(admin, webhook, **OAUTH | {"auth_secret": ""}).status_code == 303
    assert the_webhook().version == 1, "saving the form as it is changes nothing"


@pytest.mark.parametrize("other", [{"auth_username": "other"}, {"oauth_token_url": "https://93.184.215.14/elsewhere"}])
def test_a_client_secret_is_not_sent_elsewhere_unless_somebody_knows_it(
    admin: FlaskClient, other: dict[str, str]
) -> None:
    create(admin, **OAUTH)
    answer = edit(admin, the_webhook(), **OAUTH | other | {"auth_secret": ""})
    assert answer.status_code == 422
    assert errors(answer.text)["auth_secret"].startswith("Type the client secret again.")
    assert edit(admin, the_webhook(), **OAUTH | other).status_code == 303


@pytest.mark.parametrize(
    ("field", "fields", "sentence"),
    [
        ("auth_username", {"auth_username": ""}, "OAuth needs the id of the client."),
        ("auth_username", {"auth_username": "x" * 257}, "up to 256 printable characters"),
        ("auth_secret", {"auth_secret": ""}, "The client secret must be up to 1,024 printable characters."),
        ("auth_secret", {"auth_secret": "x" * 1_025}, "The client secret must be"),
        ("oauth_token_url", {"oauth_token_url": ""}, "Enter the URL that tokens are fetched from."),
        ("oauth_token_url", {"oauth_token_url": "https://10.0.0.1/token"}, "private or reserved address"),
        ("oauth_token_url", {"oauth_token_url": "http://93.184.215.14/token"}, "must start with https://"),
        ("oauth_token_url", {"oauth_token_url": "https://256.256.256.256/"}, "256.256.256.256"),
        ("oauth_scope", {"oauth_scope": 'a "b"'}, "The scope must be words of ASCII"),
        ("oauth_scope", {"oauth_scope": "a  b"}, "single spaces"),
        ("oauth_audience", {"oauth_audience": "x" * 1_001}, "up to 1,000 printable characters"),
        ("oauth_resource", {"oauth_resource": "api"}, "an absolute URI without a fragment"),
        ("oauth_resource", {"oauth_resource": "https://a/#b"}, "an absolute URI without a fragment"),
        ("oauth_method", {"oauth_method": "jwt"}, "The client authenticates by basic or body."),
        ("auth_kind", {"auth_kind": "bearer", "auth_username": ""}, "Choose OAuth, or empty the token URL"),
        ("auth_kind", {"auth_kind": ""}, "Choose Basic, Bearer or OAuth"),
    ],
)
def test_a_wrong_part_of_oauth_has_its_sentence_at_its_field(
    admin: FlaskClient, field: str, fields: dict[str, str], sentence: str
) -> None:
    answer = create(admin, **OAUTH | fields)
    assert answer.status_code == 422
    assert sentence in errors(answer.text)[field]
    assert stored() == []


def test_from_oauth_to_another_authentication_and_to_none(admin: FlaskClient) -> None:
    create(admin, **OAUTH)
    answer = edit(admin, the_webhook(), **OAUTH | {"auth_kind": "basic", "auth_secret": "word"})
    assert answer.status_code == 303, errors(answer.text)
    assert (the_webhook().auth or {}).keys() == {"kind", "username", "secret_encrypted"}
    assert edit(admin, the_webhook(), auth_kind="").status_code == 303
    assert the_webhook().auth is None


def test_a_certificate_is_saved_and_shown_without_its_pem(admin: FlaskClient) -> None:
    answer = create(admin, **pasted(ADA))
    assert answer.status_code == 303, errors(answer.text)
    webhook = the_webhook()
    assert open_pair(webhook.client_certificate) == Pair(ADA.certificate.strip(), ADA.key.strip())
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    form = admin.get(f"/admin/webhooks/{webhook.id}/edit").text
    for text in ("Subject: CN=ada", "Issuer: CN=Test CA", "Ends: "):
        assert text in page
        assert text in form
    lines = ADA.key.splitlines()[1:-1] + ADA.certificate.splitlines()[1:-1]
    shown = page + form + log() + admin.get("/admin/audit-log").text + str(webhook.client_certificate)
    assert not any(line in shown for line in lines)
    assert edit(admin, webhook, **KEPT).status_code == 303
    assert the_webhook().version == 1, "saving the form as it is changes nothing"


def test_a_certificate_is_replaced_renewed_with_its_key_and_taken_away(admin: FlaskClient) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    create(admin, **pasted(AUTHORITY.sign("first", key=key)))
    renewed = AUTHORITY.sign("second", 300, key=key)
    assert edit(admin, the_webhook(), client_certificate=renewed.certificate, client_key=MASK).status_code == 303
    assert open_pair(the_webhook().client_certificate) == Pair(renewed.certificate.strip(), renewed.key.strip())
    page = html.unescape(admin.get("/admin/audit-log").text)
    assert "Subject: CN=second" in page
    answer = edit(admin, the_webhook(), client_certificate=ADA.certificate, client_key=MASK)
    assert errors(answer.text)["client_key"].startswith("The key doesn't belong to the certificate.")
    assert edit(admin, the_webhook(), **pasted(ADA)).status_code == 303
    assert edit(admin, the_webhook(), client_certificate="", client_key="").status_code == 303
    webhook = the_webhook()
    assert (webhook.client_certificate, webhook.certificate_ends_at, webhook.certificate_notice) == (None, None, None)


BOB = AUTHORITY.sign("bob")
_EC = ec.generate_private_key(ec.SECP256R1())
_SMALL = rsa.generate_private_key(65_537, 1_024)
WRONG: dict[str, tuple[str, str, str, str]] = {
    "no key": ("client_key", ADA.certificate, "", "Paste the key, too."),
    "no certificate": ("client_certificate", "", ADA.key, "Paste the certificate, too."),
    "nothing to keep": ("client_certificate", MASK, ADA.key, "There is none yet that could be kept."),
    "no PEM": ("client_certificate", "hello", ADA.key, "It begins with -----BEGIN CERTIFICATE-----."),
    "broken PEM": (
        "client_certificate",
        ADA.certificate.replace("M", "%", 9),
        ADA.key,
        "The certificate can't be read.",
    ),
    "cut PEM": ("client_certificate", ADA.certificate[:300], ADA.key, "The certificate can't be read."),
    "key in the certificate": ("client_certificate", ADA.certificate + ADA.key, ADA.key, "Move it to the field"),
    "certificate as key": (
        "client_key",
        ADA.certificate,
        ADA.certificate,
        "It begins with -----BEGIN PRIVATE KEY-----.",
    ),
    "broken key": ("client_key", ADA.certificate, ADA.key.replace("M", "%", 9), "The key can't be read."),
    "cut key": ("client_key", ADA.certificate, ADA.key[:60], "The key can't be read."),
    "key of another": ("client_key", ADA.certificate, BOB.key, "The key doesn't belong to the certificate."),
    "wrong order": ("client_key", AUTHORITY.pem + ADA.certificate, ADA.key, "Put that certificate first."),
    "encrypted": ("client_key", ADA.certificate, key_pem(_EC, b"secret"), "encrypted with a passphrase"),
    "encrypted as before": (
        "client_key",
        ADA.certificate,
        key_pem(_EC, b"secret", is_traditional=True),
        "encrypted with a passphrase",
    ),
    "small": ("client_key", *AUTHORITY.sign("small", key=_SMALL), "The RSA key has 1,024 bits"),
    "long chain": ("client_certificate", ADA.certificate * 11, ADA.key, "There are 11 certificates. Use up to 10."),
    "long": ("client_certificate", ADA.certificate + "x" * 33_000, ADA.key, "Use up to 32,768 bytes."),
    "long key": ("client_key", ADA.certificate, ADA.key + "x" * 17_000, "Use up to 16,384 bytes."),
    "letters": ("client_certificate", "-----BEGIN CERTIFICATE-----é\0", ADA.key, "The certificate can't be read."),
}


@pytest.mark.parametrize(("field", "certificate", "key", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_certificate_or_key_has_its_sentence_at_its_field(
    admin: FlaskClient, field: str, certificate: str, key: str, sentence: str
) -> None:
    answer = create(admin, client_certificate=certificate, client_key=key)
    assert answer.status_code == 422
    found = errors(answer.text)
    assert sentence in found[field], found
    assert stored() == []
    assert sentence in html.unescape(preview(admin, client_certificate=certificate, client_key=key).text)


def test_a_key_that_tls_does_not_know_is_refused(admin: FlaskClient) -> None:
    key: Any = dsa.generate_private_key(2_048)
    answer = create(admin, client_certificate=ADA.certificate, client_key=key_pem(key))
    assert "Use an RSA, EC or Ed25519 key." in errors(answer.text)["client_key"]


@pytest.mark.parametrize("is_traditional", [False, True])
@pytest.mark.parametrize("kind", ["rsa", "ec", "ed25519"])
def test_keys_of_usual_kinds_are_taken(admin: FlaskClient, kind: str, is_traditional: bool) -> None:
    key: Any = {
        "rsa": lambda: rsa.generate_private_key(65_537, 2_048),
        "ec": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    signed = AUTHORITY.sign("ada", key=key)
    text = key_pem(key, is_traditional=is_traditional and kind != "ed25519").replace("\n", "\r\n")  # as forms send it
    answer = create(admin, client_certificate=f"\n some words\n{signed.certificate}{AUTHORITY.pem}", client_key=text)
    assert answer.status_code == 303, errors(answer.text)


@pytest.mark.parametrize(
    ("signed", "sentence"),
    [
        (AUTHORITY.sign("ada", -1), "so that endpoints refuse it."),
        (AUTHORITY.sign("ada", 5), "The client certificate ends on "),
        (AUTHORITY.sign("ada", 50, begins_in_days=3), "Endpoints refuse it before."),
        (
            AUTHORITY.sign("ada", 50, usages=[ExtendedKeyUsageOID.SERVER_AUTH]),
            "its extended key usage lacks clientAuth.",
        ),
    ],
    ids=["ended", "ends soon", "not yet", "for servers"],
)
def test_what_will_probably_be_refused_is_saved_with_a_warning(
    admin: FlaskClient, signed: Signed, sentence: str
) -> None:
    answer = admin.post("/admin/webhooks/new", data=GOOD | pasted(signed), follow_redirects=True)
    assert sentence in html.unescape(answer.text)
    assert the_webhook().client_certificate


def test_a_good_certificate_brings_no_warning(admin: FlaskClient) -> None:
    answer = admin.post("/admin/webhooks/new", data=GOOD | pasted(ADA), follow_redirects=True)
    assert "client certificate ends" not in answer.text
    assert "endpoints refuse it" not in answer.text


def test_a_copy_keeps_both(admin: FlaskClient) -> None:
    create(admin, **OAUTH, **pasted(ADA))
    original = the_webhook()
    page = admin.get(f"/admin/webhooks/new?copy={original.id}").text
    assert page.count(MASK) >= 2
    copied = OAUTH | KEPT | {"auth_secret": "", "copied_from": original.id}
    answer = create(admin, **copied)
    assert answer.status_code == 303, errors(answer.text)
    first, copy = stored()
    assert open_pair(copy.client_certificate) == open_pair(first.client_certificate)
    assert open_client(copy.auth) == open_client(first.auth)
    assert copy.certificate_ends_at == first.certificate_ends_at


def test_a_conflict_tells_what_differs_and_never_takes_a_certificate_that_is_gone(admin: FlaskClient) -> None:
    create(admin, **OAUTH, **pasted(ADA))
    webhook = the_webhook()
    with writing():
        auth = Auth(AuthKind.BASIC, "ada", "word")
        changes.edit(changes.get(webhook.id), {"client_certificate": None, "auth": auth})
    answer = admin.post(f"/admin/webhooks/{webhook.id}/edit", data=GOOD | OAUTH | pasted(BOB) | {"version": "1"})
    assert answer.status_code == 409
    page = html.unescape(answer.text)
    assert "Subject: CN=bob" in page
    assert "OAuth, client portal" in page
    assert "Basic, user ada" in page
    kept = admin.post(f"/admin/webhooks/{webhook.id}/edit", data=GOOD | KEPT | {"version": "1"})
    assert kept.status_code in (409, 422)
    assert the_webhook().client_certificate is None


def test_the_preview_shows_the_request_for_the_token_and_no_secret(admin: FlaskClient) -> None:
    page = html.unescape(preview(admin, **OAUTH, **pasted(ADA)).text)
    assert f"Authorization: Bearer {MASK}" in page
    assert f"POST {TOKEN_URL}" in page
    assert f"client_secret={MASK}" in page
    assert "With the client certificate" in page
    assert "client-secret" not in page.partition('id="preview"')[2]
    page = html.unescape(preview(admin, **OAUTH | {"oauth_method": "basic"}).text)
    assert f"Authorization: Basic {MASK}" in page


def test_the_preview_says_what_is_wrong_and_looks_up_no_host(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("it looked up a host"))
    typed = OAUTH | {"oauth_token_url": "https://login.example.com/token", "oauth_scope": "a  b"}
    page = html.unescape(preview(admin, **typed).text)
    assert "Scope: The scope must be words of ASCII" in page


def lose(webhook: Webhook, *names: str) -> None:
    db.session.rollback()
    webhook = changes.get(webhook.id)
    for name in names:
        setattr(webhook, name, dict(getattr(webhook, name)) | LOST[name])
    db.session.commit()


LOST = {
    "client_certificate": {"key_encrypted": lost_secret()},
    "auth": {"secret_encrypted": lost_secret()},
}


def test_what_cannot_be_decrypted_is_told_and_can_be_set_anew(admin: FlaskClient) -> None:
    create(admin, **OAUTH, **pasted(ADA))
    lose(the_webhook(), "client_certificate", "auth")
    page = html.unescape(admin.get(f"/admin/webhooks/{the_webhook().id}").text)
    assert "The credentials and the client certificate can't be decrypted" in page
    assert "Subject: CN=ada" in page
    answer = edit(admin, the_webhook(), **OAUTH, client_certificate=BOB.certificate, client_key=MASK)
    assert "can't be decrypted. Paste the certificate and the key again." in errors(answer.text)["client_key"]
    assert edit(admin, the_webhook(), **OAUTH, **pasted(BOB)).status_code == 303
    assert "can't be decrypted" not in admin.get(f"/admin/webhooks/{the_webhook().id}").text


def test_a_notice_begins_14_days_before_the_end_and_goes_with_a_new_certificate(admin: FlaskClient) -> None:
    from jobs.chores.check_certificates import check_certificates

    create(admin, **pasted(AUTHORITY.sign("ada", 20)))
    webhook = the_webhook()
    check_certificates()
    assert "No problems" in admin.get("/admin/notices").text
    for days, sentence in ((7, "The client certificate ends on "), (21, "The client certificate ended on ")):
        with time_machine.travel(utcnow() + timedelta(days=days), tick=True):
            check_certificates()
        page = html.unescape(admin.get("/admin/notices").text)
        assert sentence in page
        assert "1 webhook needs attention" in page
        assert sentence in html.unescape(admin.get(f"/admin/webhooks/{webhook.id}").text)
        overview = html.unescape(admin.get("/admin/overview").text)
        assert sentence in overview
        assert "Secret lost" not in overview
    assert "The client certificate ended" in admin.get("/admin/webhooks").text
    admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"})
    assert "No problems" in admin.get("/admin/notices").text
    admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "true"})
    assert edit(admin, webhook, **pasted(AUTHORITY.sign("ada", 300))).status_code == 303
    assert "No problems" in admin.get("/admin/notices").text
    assert not re.search("certificate end", admin.get(f"/admin/webhooks/{webhook.id}").text)
