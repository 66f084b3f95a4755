"""What templates call: the parts of a URL, the order of event types, the height of rows, and the shortcuts."""

import re

import pytest
from flask.testing import FlaskClient

from config import ROOT
from webhooks_ui.deliveries import display
from webhooks_ui.web.template_helpers import breakable, in_catalogue_order, percent, url_parts


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a.example", ("a.example", "", "")),
        ("https://a.example/in", ("a.example", "", "/in")),
        ("https://a.example/shop/webhooks/incoming", ("a.example", "/shop/webhooks", "/incoming")),
        ("https://a.example/shop/incoming/", ("a.example", "/shop", "/incoming/")),
        ("https://a.example/in?key=" + "0" * 40, ("a.example", "/in?key=" + "0" * 30, "0" * 10)),
        ("http://127.0.0.1:8009/in?a=1", ("http://127.0.0.1:8009", "", "/in?a=1")),
        ("http://127.0.0.1:8009", ("http://127.0.0.1:8009", "", "")),
        ("https://a.example?token=" + "x" * 40, ("a.example?token=" + "x" * 40, "", "")),
    ],
)
def test_the_parts_of_a_url_are_the_whole_url(url: str, parts: tuple[str, str, str]) -> None:
    assert url_parts(url) == parts
    assert "".join(parts) == url.removeprefix("https://")


@pytest.mark.usefixtures("app")
def test_event_types_are_listed_as_in_the_catalogue_and_gone_ones_last() -> None:
    names = ["contract.created", "gone.type", "license.updated", "license.created", "activation.failed"]
    ordered = ["license.created", "license.updated", "activation.failed", "contract.created", "gone.type"]
    assert in_catalogue_order(names) == ordered


def test_a_share_has_one_decimal() -> None:
    shown = [percent(share) for share in (100, 99.9, 28.57, 0.35, 0.02, 0)]
    assert shown == ["100 %", "99.9 %", "28.6 %", "0.3 %", "under 0.1 %", "0 %"]


def test_a_line_may_end_after_the_at_sign_of_an_email_address_and_after_a_dot_before_it() -> None:
    assert breakable("eva@example.com") == "eva@<wbr>example.com"
    assert breakable("eva.muster@example.com") == "eva.<wbr>muster@<wbr>example.com"
    assert breakable("<b>portal.example.com</b>") == "&lt;b&gt;portal.example.com&lt;/b&gt;"


def test_a_line_may_end_between_the_parts_of_a_url() -> None:
    url = "https://a.example.com/webhooks/in?a=1&b=2"
    broken = "https://<wbr>a<wbr>.example<wbr>.com/<wbr>webhooks/<wbr>in<wbr>?a=1<wbr>&amp;b=2"
    assert breakable(url) == broken
    assert breakable(f"Moved to {url}. Was eva@example.com's") == (
        f"Moved to {broken}<wbr>. Was eva@<wbr>example.com&#39;s"
    )


def test_the_height_of_rows_is_remembered(admin: FlaskClient) -> None:
    assert 'data-density="compact"' in admin.get("/admin/webhooks").text
    answer = admin.post("/density", data={"density": "comfortable", "next": "/admin/webhooks?q=a"})
    assert answer.headers["Location"] == "/admin/webhooks?q=a"
    assert 'data-density="comfortable"' in admin.get("/admin/webhooks").text


def test_turned_off_shortcuts_are_remembered_and_the_help_says_so(admin: FlaskClient) -> None:
    page = admin.get("/admin/webhooks").text
    assert 'data-shortcuts="on"' in page
    assert "The account menu at the top turns off those of single characters" in page
    answer = admin.post("/shortcuts", data={"shortcuts": "off", "next": "/admin/webhooks?q=a"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/webhooks?q=a")
    page = admin.get("/admin/webhooks").text
    assert 'data-shortcuts="off"' in page
    assert '<button name="shortcuts" value="off" aria-pressed="true">Off</button>' in page
    assert "Those of single characters are off now." in page


def test_no_sentence_says_since_an_hour_ago_or_until_in_an_hour() -> None:
    """A recent time is shown relative to now. After such a word only an exact time makes sense."""
    relative = re.compile(r"\b(?:since|until|from|by) \{\{ ui\.time\((?![^}]*exact=true)[^}]*\}\}")
    found = {
        str(path.relative_to(ROOT)): hits
        for path in (ROOT / "templates").rglob("*.html")
        if (hits := relative.findall(path.read_text()))
    }
    assert found == {}


def test_templates_name_only_what_the_display_of_deliveries_has() -> None:
    """Jinja shows nothing for a name that doesn't exist, so that a list of choices was empty."""
    named = {
        name
        for path in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r"\bdisplay\.(\w+)", path.read_text())
    }
    assert "CODES_OFFERED" in named
    assert {name for name in named if not hasattr(display, name)} == set()


def test_pages_commands_and_the_api_write_email_alike() -> None:
    folders = ("templates", "webhooks_ui", "jobs", "docs/api.md", "README.md")
    files = [path for name in folders for path in ((ROOT / name).rglob("*.*") if "." not in name else (ROOT / name,))]
    texts = {path: path.read_text() for path in files if path.suffix in (".html", ".py", ".md")}
    assert [str(path) for path, text in texts.items() if "e-mail" in text.lower()] == []
