"""Measures the pages of the running product in a browser: their weight, and what axe-core and Lighthouse find."""

import gzip
import sys
import urllib.request
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench import lighthouse
from tests.browser.axe import looks, violations
from tests.browser.conftest import CHROMIUM, open_context
from tests.browser.pages import HOOKS, PLACES, Place, walk
from tests.browser.site import Site, site
from tests.support.http import HTMX

Row = tuple[str, str, str]  # measure, goal, figure
PAGES = {place.name: place for place in PLACES if place.is_page}
LIST, SHORT = "webhooks", ("webhooks", "webhook")
JUDGED = (LIST, "webhook", "create a webhook", "deliveries", "delivery", "event", "overview", "sign-in")
WEIGHT_MAX_BYTES, REQUESTS_MAX, LEAST_SCORE = 60_000, 10, 98
WEIGHT = ("page weight, compressed, cold: the list / the heaviest page", "< 60 KB, < 10 requests")
SEARCH = ("a search for 25 rows, compressed, warm", "< 8 KB")
AXE = ("axe-core: violations and what it can't decide, light and dark, 320 and 1280 px", "0")
LIGHTHOUSE_LIST = ("Lighthouse: performance, accessibility, best practices: the list", "100, 100, 100")
LIGHTHOUSE_OTHERS = ("Lighthouse: the lowest of the other pages that are judged", "≥ 98, ≥ 98, ≥ 98")


class Weight(NamedTuple):
    """The bytes and the requests that a page takes with an empty cache."""

    bytes: int
    requests: int

    def __str__(self) -> str:
        return f"{self.bytes / 1_000:.1f} KB in {self.requests}"


def rows(short: bool) -> Iterator[Row]:
    """Yield measure, goal and figure of each scan. Print details of what misses a goal to standard error.

    Args:
        short: Whether axe-core, which the tests run as well, is left out, and only two pages are weighed and judged.
    """
    if CHROMIUM is None:
        for measure, goal in (WEIGHT, SEARCH, AXE, LIGHTHOUSE_LIST, LIGHTHOUSE_OTHERS):
            yield measure, goal, "not measured: no Chromium"
        return
    with site() as product:
        yield *WEIGHT, weights(product, SHORT if short else PAGES)
        yield *SEARCH, f"{search_bytes(product) / 1_000:.1f} KB"
        yield *AXE, "not measured: the tests do" if short else scan(product, PLACES)
        of_list, of_others = with_lighthouse(product, short)
        yield *LIGHTHOUSE_LIST, of_list
        yield *LIGHTHOUSE_OTHERS, of_others


def weights(product: Site, names: Iterable[str]) -> str:
    """Return the weight of the list and of the heaviest of the pages with these names."""
    found = {name: weigh(product, PAGES[name]) for name in names}
    for name, weight in found.items():
        if weight.bytes >= WEIGHT_MAX_BYTES or weight.requests >= REQUESTS_MAX:
            complain(f"weight: {name}: {weight}")
    heaviest = max(found, key=lambda name: found[name].bytes)
    return f"{found[LIST]} / {found[heaviest]} ({heaviest}, of {len(found)})"


def weigh(product: Site, place: Place) -> Weight:
    """Return the weight of a page with an empty cache: the headers and bodies as they are transferred."""
    sizes: list[int] = []
    with open_context(product.browser, product.url, storage_state=product.states[place.role]) as context:
        page = context.new_page()
        network = context.new_cdp_session(page)
        network.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
        network.send("Network.enable")
        page.goto(place.path, wait_until="networkidle")
    return Weight(sum(sizes), len(sizes))


def search_bytes(product: Site) -> int:
    """Return the size of the compressed answer to a search that finds more than a page."""
    headers = HTMX | {"Accept-Encoding": "gzip", "Cookie": product.cookie("super_admin")}
    request = urllib.request.Request(f"{product.url}{HOOKS}?q=customer", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        body = response.read()
    if (count := gzip.decompress(body).count(b'<tr id="webhook-')) != 25:
        raise RuntimeError(f"The search must show 25 rows, but it shows {count}.")
    return len(body)


def scan(product: Site, places: Collection[Place]) -> str:
    """Return how many violations axe-core finds in all looks of ``places``."""
    scans = found = 0
    for place, page in walk(product.browser, product.url, places):
        for look in looks(page):
            scans += 1
            for violation in violations(page):
                found += 1
                complain(f"axe-core: {place.name}, {look}: {violation}")
    return f"{found} in {scans} scans of {len(places)} pages{' and states' if places is PLACES else ''}"


def with_lighthouse(product: Site, short: bool) -> tuple[str, str]:
    """Return the scores of the list, and the lowest scores of the other pages that are judged.

    If Lighthouse can't run, return the reason instead.
    """
    try:
        program = lighthouse.install()
        found = {
            (name, form_factor): _judge(product, program, PAGES[name], form_factor, short)
            for name in (SHORT if short else JUDGED)
            for form_factor in (("mobile",) if short else lighthouse.FORM_FACTORS)
        }
    except lighthouse.NotMeasured as error:
        return f"not measured: {error}", f"not measured: {error}"
    of_list = (
        f"{factor} {', '.join(map(str, r.scores.values()))}" for (name, factor), r in found.items() if name == LIST
    )
    others = {key: result.scores for key, result in found.items() if key[0] != LIST}
    lowest = (min((scores[c], *key) for key, scores in others.items()) for c in lighthouse.CATEGORIES)
    of_others = (f"{score}{f' ({name}, {factor})' if score < 100 else ''}" for score, name, factor in lowest)
    return "; ".join(of_list), f"{', '.join(of_others)}, of {len({name for name, _ in others})}"


def _judge(product: Site, program: Path, place: Place, form_factor: str, short: bool) -> lighthouse.Result:
    goal, times = 100 if place.name == LIST else LEAST_SCORE, 1 if short else lighthouse.TIMES
    url, cookie = product.url + place.path, product.cookie(place.role)
    result = lighthouse.run(program, url, cookie, form_factor, goal, times)
    if min(result.scores.values()) < goal:
        for shortfall in result.shortfalls:
            complain(f"Lighthouse: {place.name}, {form_factor}: {shortfall}")
    return result


def complain(text: str) -> None:
    """Print ``text`` to standard error."""
    print(f"  {text}", file=sys.stderr, flush=True)
