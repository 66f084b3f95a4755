"""What axe-core doesn't look at: small targets, texts that are cut off, doubled ids and invalid HTML."""

from playwright.sync_api import Page

LEAST_PX = {320: 44, 1280: 24}

# A target is large enough if a click half its least size away from its center, in each direction, still reaches it.
# Links in a sentence are as high as the sentence (WCAG 2.2, 2.5.8, "inline").
SMALL = """least => {
  const controls = "a[href], button, summary, select, textarea, input:not([type=hidden]), [tabindex='0'][role=button]";
  const reaches = (hit, control) => hit && (control.contains(hit) || hit.closest("label")?.control === control);
  const inSentence = (control) => {
    if (control.tagName !== "A" || getComputedStyle(control).display !== "inline") return false;
    const text = control.closest("p, li, dd, td, span, caption, legend");
    return text && text.textContent.trim() !== control.textContent.trim();
  };
  const found = [];
  for (const control of document.querySelectorAll(controls)) {
    if (!control.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || control.disabled) continue;
    if (control.closest(".visually-hidden, .skip, [inert]") || inSentence(control)) continue;
    const open = document.querySelector("dialog:modal");
    if (open && !open.contains(control)) continue;
    control.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const box = control.getClientRects()[0]; // the first line of a link that has two
    if (!box?.width || !box.height) continue;
    const label = control.labels?.[0]?.contains(control) ? control.labels[0].getBoundingClientRect() : box;
    const around = (size, begin, length, far) => {
      const middle = begin + length / 2;
      const by = size / 2 - 1;
      return [Math.max(0, middle - by), Math.min(far - 1, middle + by)];
    };
    const x = label.left + Math.min(label.width, Math.max(least, box.width)) / 2;
    const y = label.top + label.height / 2;
    const points = [
      ...around(least, label.top, label.height, innerHeight).map((at) => [box.left + box.width / 2, at]),
      ...around(Math.min(least, Math.max(least, 0)), x - 0.5, 1, innerWidth).map((at) => [at, y]),
    ];
    const seen = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (!reaches(seen, control)) continue; // something lies over it, such as an open menu
    const under = (hit) => hit?.closest(":popover-open") && !control.closest(":popover-open");
    const isHit = (hit) => reaches(hit, control) || under(hit);
    if (points.every(([x, y]) => isHit(document.elementFromPoint(x, y)))) continue;
    const name = (control.getAttribute("aria-label") || control.textContent || control.name || "").trim().slice(0, 40);
    const size = `${Math.round(label.width)}x${Math.round(label.height)}`;
    found.push(`${control.tagName.toLowerCase()}.${control.className}#${control.id} "${name}" ${size}`);
  }
  for (const part of document.querySelectorAll("*")) part.scrollTop = part.scrollLeft = 0;
  return found;
}"""

# A card clips what is wider. Parts of it that scroll, or shorten their text, may hold something wider.
CUT_OFF = """() => {
  const holds = (part) => getComputedStyle(part).overflowX !== "visible" && !part.matches(".card");
  const found = [];
  for (const part of document.querySelectorAll(".card *")) {
    const card = part.closest(".card"), box = part.getBoundingClientRect();
    if (!box.width || box.right <= card.getBoundingClientRect().right + 1) continue;
    const isHidden = !part.checkVisibility({ visibilityProperty: true });
    if (isHidden || part.closest(".visually-hidden, svg, [popover]")) continue;
    let around = part.parentElement;
    while (around !== card && !holds(around)) around = around.parentElement;
    const name = `${part.tagName.toLowerCase()}.${part.className} "${part.textContent.trim().slice(0, 40)}"`;
    if (around === card) found.push(name);
  }
  return found;
}"""

DOUBLED = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place);
}"""

SHORTENED = """selects => [...document.querySelectorAll(selects)].filter((field) => {
  const style = getComputedStyle(field), pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return pen.measureText(field.selectedOptions[0].text).width > room + 1;
}).map((field) => field.name)"""

# What the HTML standard forbids, and browsers bear. Attributes of htmx aside, a validator finds nothing else in a page.
INVALID = """() => {
  const blocks = ":is(summary, span, p, h1, h2, h3) :is(p, div, form, ul, ol, dl, table)";
  const found = [...document.querySelectorAll(`input:is([type=checkbox], [type=radio])[autocomplete], ${blocks}`)];
  const controls = "button, input, meter, output, progress, select, textarea";
  found.push(...[...document.querySelectorAll("label")].filter((label) => label.querySelectorAll(controls).length > 1));
  for (const part of document.querySelectorAll("*")) {
    if ([...part.attributes].some(({ name, value }) => name !== "value" && value === "None")) found.push(part);
  }
  return found.map((part) => part.outerHTML.slice(0, 100));
}"""


def small_targets(page: Page) -> list[str]:
    """Return the controls that are smaller than a finger or a mouse needs at this width."""
    return _told(page, SMALL, LEAST_PX[page.evaluate("innerWidth")])


def cut_off(page: Page) -> list[str]:
    """Return what is wider than its card, so that a part of it can't be seen."""
    return _told(page, CUT_OFF)


def doubled_ids(page: Page) -> list[str]:
    return _told(page, DOUBLED)


def shortened_choices(page: Page, selects: str = ".filters > .select > select") -> list[str]:
    """Return the choices whose chosen text has too little room."""
    return _told(page, SHORTENED, selects)


def invalid_parts(page: Page) -> list[str]:
    return _told(page, INVALID)


def _told(page: Page, script: str, *arguments: int | str) -> list[str]:
    found: list[str] = page.evaluate(script, *arguments)
    return found
