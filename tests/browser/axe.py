"""axe-core in every look of a page: both color schemes, narrow and wide."""

from collections.abc import Iterator
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS = (320, 1280)
_AXE = Axe()
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# A rule that axe-core has, but runs only if it is asked for: the name of a control contains what it shows.
OPTIONS = {"rules": {"label-content-name-mismatch": {"enabled": True}}, "resultTypes": ["violations", "incomplete"]}


# axe-core leaves the contrast of single characters and of arrows undecided, unless it is told to measure them, too.
# The other options are those that it has anyway.
CONTRAST = {
    "ignoreUnicode": False,
    "ignoreLength": True,
    "ignorePseudo": False,
    "boldValue": 700,
    "boldTextPt": 14,
    "largeTextPt": 18,
    "contrastRatio": {"normal": {"expected": 4.5, "minThreshold": 4.5}, "large": {"expected": 3, "minThreshold": 3}},
    "pseudoSizeThreshold": 0.25,
    "shadowOutlineEmMax": 0.2,
    "textStrokeEmMin": 0.03,
}


def looks(page: Page) -> Iterator[str]:
    """Give the open page each look in turn. Motion is off, because axe-core would measure colors in transition."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            yield f"{scheme}, {width} px"


def violations(page: Page) -> list[str]:
    """Return the rules that the page violates now, or that axe-core couldn't decide, each with its elements."""
    page.evaluate(_AXE.axe_script)
    page.evaluate("options => axe.configure({checks: [{id: 'color-contrast', options}]})", CONTRAST)
    result = page.evaluate("options => axe.run(options)", OPTIONS)
    if result["incomplete"] and not result["violations"]:  # a part that polls may have been replaced meanwhile
        result = page.evaluate("options => axe.run(options)", OPTIONS)
    return [_words(rule, "") for rule in result["violations"]] + [
        _words(rule, "undecided: ") for rule in result["incomplete"]
    ]


def _words(rule: dict[str, Any], kind: str) -> str:
    nodes = (f"  {node['html'][:200]} ({' '.join(node['failureSummary'].split())[:300]})" for node in rule["nodes"])
    return "\n".join([f"{kind}{rule['id']}: {rule['help']}", *nodes])
