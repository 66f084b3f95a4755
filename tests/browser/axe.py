"""axe-core in every look of a page: both color schemes, narrow and wide."""

from collections.abc import Iterator
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS = (360, 1280)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def looks(page: Page) -> Iterator[str]:
    """Give the open page each look in turn. Motion is off, because axe-core would measure colors in transition."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            yield f"{scheme}, {width} px"


def violations(page: Page) -> list[str]:
    """Return the rules that the page violates now, each with its elements."""
    return [
        "\n".join(
            [
                f"{rule['id']}: {rule['help']}",
                *(
                    f"  {node['html'][:200]} ({' '.join(node['failureSummary'].split())[:300]})"
                    for node in rule["nodes"]
                ),
            ]
        )
        for rule in Axe().run(page).response["violations"]
    ]
