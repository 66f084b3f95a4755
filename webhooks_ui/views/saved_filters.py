"""Saving the filters of a list under a name, and deleting them. Both lists show what is saved."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, abort, flash, make_response, render_template, request, url_for
from flask_login import current_user
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import writing
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.models import FilteredList, SavedFilter
from webhooks_ui.people import saved_filters
from webhooks_ui.people.accounts import normal_name
from webhooks_ui.web.answers import go
from webhooks_ui.web.permissions import may
from webhooks_ui.webhooks.filters import WebhookFilters

QUERY_MAX_CHARACTERS = 4_000
_NOT_KEPT = ("page", "size")  # a page of the list, and what the browser remembers

Filters = DeliveryFilters | WebhookFilters
PARSE: dict[FilteredList, Callable[[Mapping[str, str]], Filters]] = {
    FilteredList.DELIVERIES: DeliveryFilters.parse,
    FilteredList.WEBHOOKS: WebhookFilters.parse,
}
blueprint = Blueprint("saved_filters", __name__, url_prefix="/admin/saved-filters")


class Shown(NamedTuple):
    """A saved filter, as a list shows it."""

    saved: saved_filters.Seen
    address: str
    is_open: bool
    may_delete: bool
    shared_by: str  # the name of another person, or an empty text


class Menu(NamedTuple):
    """The saved filters of a list, and the query to save if there is something to save."""

    shown: list[Shown]
    query: str


@blueprint.app_context_processor
def add_helpers() -> dict[str, Any]:
    return {"saved_filters": menu}


def menu(list_name: str, filters: Filters) -> Menu | None:
    """Return what a list with ``filters`` shows, or ``None`` if that is nothing or the person may not save filters."""
    if not may(current_user.role, "saved_filters.create"):
        return None
    kept, list_ = query_of(filters), FilteredList(list_name)
    shown = [_shown(saved, kept) for saved in saved_filters.of(current_user, list_)]
    chosen = filters.with_(environment="")  # the environment alone is chosen in the top bar
    is_new = chosen.is_narrowed and not filters.wrong and not any(each.is_open for each in shown)
    return Menu(shown, urlencode(kept) if is_new else "") if shown or is_new else None


def query_of(filters: Filters) -> dict[str, str]:
    """Return the query that opens ``filters`` in any browser: it says so if it means all environments."""
    kept = {name: str(value) for name, value in filters.args.items() if name not in _NOT_KEPT}
    return {"environment": ""} | kept


@blueprint.post("")
def create() -> BaseResponse:
    """Save a filter. A page asks first if the name is taken, because others may use the filter that has it."""
    list_, query = _sent()
    name, is_shared = normal_name(request.form.get("name", "")), request.form.get("shared") == "true"
    address, user_id, replaces = address_of(list_, query), current_user.id, request.form.get("replace") == "1"
    try:
        with writing():
            saved_filters.save(user_id, list_, name, query, is_shared, replaces)
    except saved_filters.Taken as taken:
        fields = {"list": list_, "query": urlencode(query), "name": name}
        shared = is_shared or taken.is_shared
        page = render_template("saved_filters/replace.html", fields=fields, shared=shared, back=address)
        return make_response(page)
    except saved_filters.Refused as error:
        flash(str(error), "error")
    else:
        flash(f"The filter {name} was {'replaced' if replaces else 'saved'}.")
    return go(address)


def _sent() -> tuple[FilteredList, dict[str, str]]:
    """Return the list whose filters were sent, and their query."""
    try:
        list_ = FilteredList(request.form.get("list", ""))
    except ValueError:
        raise UnprocessableEntity(f"The field list must be one of: {', '.join(FilteredList)}.") from None
    given = request.form.get("query", "")
    if len(given) > QUERY_MAX_CHARACTERS:
        raise UnprocessableEntity(f"The field query can have at most {QUERY_MAX_CHARACTERS:,} characters. Shorten it.")
    return list_, query_of(PARSE[list_](dict(parse_qsl(given, keep_blank_values=True))))


@blueprint.get("/<int:filter_id>/delete")
def confirm_delete(filter_id: int) -> str:
    saved = _deletable(filter_id)
    return render_template("saved_filters/delete.html", saved=saved, back=address_of(saved.list, saved.query))


@blueprint.post("/<int:filter_id>/delete")
def delete(filter_id: int) -> BaseResponse:
    with writing():
        saved = _deletable(filter_id, lock=True)
        name, address = saved.name, address_of(saved.list, saved.query)
        saved_filters.delete(saved)
    flash(f"The filter {name} was deleted.")
    return go(address)


def _deletable(filter_id: int, *, lock: bool = False) -> SavedFilter:
    saved = saved_filters.get(filter_id, current_user, lock=lock) or abort(404)
    if not saved_filters.may_delete(saved, current_user):
        abort(403)
    return saved


def _shown(saved: saved_filters.Seen, kept: dict[str, str]) -> Shown:
    own = saved.user_id == current_user.id
    shared_by = "" if own else saved.owner
    deletable = saved_filters.may_delete(saved, current_user)
    return Shown(saved, address_of(saved.list, saved.query), saved.query == kept, deletable, shared_by)


def address_of(list_name: str, query: Mapping[str, str]) -> str:
    """Return the address that opens a list with the filters in ``query``."""
    return url_for(f"{list_name}.index", **query)  # type: ignore[arg-type]
