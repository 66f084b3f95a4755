"""The documents name files and headings that exist."""

import re

import pytest

from config import ROOT

DOCUMENTS = (
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "docs/api.md",
    "docs/architecture.md",
    "docs/deploy/README.md",
    "docs/formats.md",
    "docs/operations.md",
    "docs/options.md",
    "docs/people.md",
    "docs/proxies.md",
    "docs/security.md",
    "docs/verifying.md",
)
FILE = re.compile(
    r"(?<![\w/.<])((?:webhooks_ui|jobs|templates|static|tests|docs)/[\w./*-]*\w\.(?:py|html|css|js|md))(?![\w>])"
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_files_that_a_document_names_exist(name: str) -> None:
    named = set(FILE.findall((ROOT / name).read_text()))
    assert [path for path in sorted(named) if not list(ROOT.glob(path))] == []


def test_the_links_of_a_document_lead_to_files() -> None:
    for name in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", (ROOT / name).read_text()):
            assert (ROOT / name).parent.joinpath(target).exists(), f"{name} links to {target}"


def test_the_links_to_a_heading_find_it() -> None:
    for name in DOCUMENTS:
        for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", (ROOT / name).read_text()):
            path = (ROOT / name).parent / target if target else ROOT / name
            assert heading in headings(path.read_text()), f"{name} links to {target}#{heading}"


def headings(text: str) -> set[str]:
    """Return the names that the headings of a document have in its address."""
    plain = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
