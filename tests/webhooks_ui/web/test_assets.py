"""Icons, which are in one file and on every page, and style sheets."""

import re

from flask import Flask

from config import ROOT
from webhooks_ui.web.assets import FOLDER, icon


def test_an_icon_stays_small_if_the_style_sheet_is_missing(app: Flask) -> None:
    with app.test_request_context():
        assert 'width="16" height="16"' in icon("check")


def test_no_icon_is_left_over() -> None:
    names = re.findall('<symbol id="(.+?)"', (FOLDER / "icons.svg").read_text())
    sources = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("webhooks_ui/**/*.py")]
    text = "".join(path.read_text() for path in sources)
    assert len(names) > 40
    assert [name for name in names if f'"{name}"' not in text] == []


def test_no_line_below_a_text_is_lost_in_safari() -> None:
    """Its ``text-decoration`` takes a line alone. With a style or a color beside it, there is no line."""
    for path in FOLDER.glob("css/*.css"):
        assert not re.findall(r"text-decoration: \w+ [^;}]+", path.read_text()), path.name
