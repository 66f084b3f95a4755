"""Reads the fields of a form in a page, as a browser sends them back."""

from html.parser import HTMLParser


class _Fields(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.fields: dict[str, list[str]] = {}
        self._is_inside = False
        self._name: str | None = None  # of the select or textarea that is open
        self._text = ""
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = found.get("id") == self.form_id
        if not self._is_inside:
            return
        if tag == "option":
            self._options.append((found.get("value", ""), "selected" in found))
        elif tag in ("select", "textarea"):
            self._name, self._text, self._options = found.get("name"), "", []
        elif tag == "input" and "name" in found:
            is_box = found.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in found:
                self._add(found["name"], found.get("value", "on" if is_box else ""))

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if self._is_inside and self._name and tag == "textarea":
            self._add(self._name, self._text.removeprefix("\r").removeprefix("\n"))
        elif self._is_inside and self._name and tag == "select":
            chosen = [value for value, is_selected in self._options if is_selected] or [self._options[0][0]]
            self._add(self._name, chosen[-1])
        if tag in ("select", "textarea"):
            self._name = None
        if tag == "form":
            self._is_inside = False

    def _add(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


def form_fields(page: str, form_id: str) -> dict[str, list[str]]:
    """Return the values of each field, by name, that a browser sends if nobody touches the form."""
    parser = _Fields(form_id)
    parser.feed(page)
    return parser.fields
