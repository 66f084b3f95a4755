"""Every page of the product, and the states in which a page looks different, for tests and screenshots of all."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.conftest import open_context, sign_in
from tests.browser.page_rows import EVAS_CODE, INVITATION, NEW_PASSWORD
from tests.conftest import PASSWORD

HOOKS, LOG, INSPECTORS = "/admin/webhooks", "/admin/webhook-deliveries", "/admin/inspector"
LOST = 31  # the webhook whose secret can't be decrypted, after those of page_rows
PEOPLE = ("/admin/team", "/account", "/login", "/invitations", "/new-passwords")
SECOND_STEP = "/login/second-factor"
SETTINGS = {  # of a product that shows all places
    "SMTP_URL": "smtp://127.0.0.1:9",
    "OIDC_ISSUER": "https://login.example.com",
    "OIDC_CLIENT_ID": "portal",
    "OIDC_CLIENT_SECRET": "secret",
    "OIDC_NAME": "Example Login",
}
ONE_ROW = f"{HOOKS}?q=orders"  # for places that are not about the list, because axe-core is slow with 25 rows
NARROW = ViewportSize(width=320, height=900)
Reach = Callable[[Page], object]


@dataclass(frozen=True)
class Place:
    """A page or a state of one.

    Args:
        name: ``page``, or ``page, state``.
        reach: goes from ``path`` to the state. None if opening ``path`` is enough.
        role: the role of the user, or an empty text if nobody is signed in.
        status: the status of the answer that shows the place.
    """

    name: str
    path: str
    reach: Reach | None = None
    role: str = "super_admin"
    status: int = 200

    @property
    def is_page(self) -> bool:
        """Return True if this is a page in its usual state, which its address alone opens."""
        return self.reach is None and self.status == 200 and "," not in self.name


def walk(
    browser: Browser, base_url: str, places: Iterable[Place], follow: Callable[[Page], object] | None = None
) -> Iterator[tuple[Place, Page]]:
    """Open each place in turn in a narrow window, signed in with its role.

    Args:
        follow: gets each browser page before an address is opened in it.

    Raises:
        RuntimeError: an address didn't open its page.
    """
    for role, group in groupby(places, key=lambda place: place.role):
        with open_context(browser, base_url) as context:
            page = context.new_page()
            if follow:
                follow(page)
            if role:
                sign_in(page, role)
            for place in group:
                page.set_viewport_size(NARROW)
                answer = page.goto(place.path)
                if place.reach:
                    place.reach(page)
                elif answer is None or answer.status != place.status or not page.url.endswith(place.path):
                    raise RuntimeError(f"{place.name}: {answer and answer.status} at {page.url}")
                yield place, page


def press(button: str, result: str) -> Reach:
    """Return a function that clicks ``button`` and waits for ``result``."""

    def reach(page: Page) -> None:
        page.locator(button).click()
        page.locator(result).first.wait_for()

    return reach


def strike(key: str, result: str) -> Reach:
    """Return a function that presses ``key`` and waits for ``result``."""

    def reach(page: Page) -> None:
        page.keyboard.press(key)
        page.locator(result).first.wait_for()

    return reach


def unfold(page: Page) -> None:
    """Open all folded parts, because axe-core skips what is hidden. Parts with one ``name`` would close each other."""
    page.evaluate(
        "for (const part of document.querySelectorAll('details')) { part.removeAttribute('name'); part.open = true }"
    )


def choose_and_delete(page: Page) -> None:
    page.locator("#webhook-1-chosen").check()
    press("#webhook-bulk [value=delete]", "text=Delete 1 webhook?")(page)


def edit_what_was_changed(page: Page) -> None:
    page.evaluate("document.querySelector('[name=version]').value = '0'")
    page.locator("#name").fill("Mine")
    press("main form .primary", ".conflict")(page)


def create_key(page: Page) -> None:
    page.locator("#name").fill("License server")
    press("main form .primary", "#api-key-text")(page)


def show_password(page: Page) -> None:
    """Sign in as Eva, up to her second factor."""
    page.get_by_label("Email address").fill("eva@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    press("main form .primary", "#code")(page)


def sign_in_as_eva(page: Page) -> None:
    show_password(page)
    page.locator("#code").fill(EVAS_CODE)
    press(f"form[action*='{SECOND_STEP}'] button", ".user-button")(page)
    page.goto("/account")


def refuse_to_send(page: Page) -> None:
    """Send an event to no webhook. The browser would refuse that by itself."""
    page.evaluate("document.querySelector('#replay-webhook').required = false")
    press("#replay button", ".error")(page)


def send_elsewhere(page: Page) -> None:
    """Send an event of production to staging, up to the question."""
    option = page.locator("#replay-webhook optgroup[label=Staging] option").first
    page.locator("#replay-webhook").select_option(option.get_attribute("value"))
    press("#replay button", "text=Send this event to another environment?")(page)


def save_under_a_taken_name(page: Page) -> None:
    page.locator(".save-filter summary").click()
    page.locator("#filter-name").fill("Ours")
    press(".save-filter button", "text=Replace the saved filter?")(page)


def check_signature(page: Page) -> None:
    page.locator("#headers").fill("webhook-id: evt_1\nwebhook-timestamp: 1\nwebhook-signature: v1,AAAA")
    press("main form .primary", ".checks")(page)


def name_it_too_long(page: Page) -> None:
    page.locator("#name").fill("x" * 61)
    press("main form .primary", ".error")(page)


def invite(page: Page) -> None:
    page.locator("#email").fill("somebody@example.com")
    press("main form .primary", "#link-text")(page)


PLACES = (
    Place("sign-in", "/login", role=""),
    Place("sign-in, refused", "/login", press("main form .primary", ".error"), role="", status=422),
    Place("second step", "/login", show_password, role=""),
    Place("forgotten password", "/new-passwords", role=""),
    Place("new password", f"/new-passwords/{NEW_PASSWORD}", role=""),
    Place(
        "new password, refused", f"/new-passwords/{NEW_PASSWORD}", press("main .primary", ".error"), role="", status=422
    ),
    Place("invitation", f"/invitations/{INVITATION}", role=""),
    Place("link, used up", "/invitations/nonsense", role="", status=404),
    Place("account, with everything", "/login", sign_in_as_eva, role=""),  # the places below are Eva's, too
    Place("remove the password", "/account/password/remove", role=""),
    Place("remove the authenticator app", "/account/authenticator/remove", role=""),
    Place("remove a passkey", "/account/passkeys/1/remove", role=""),
    Place("new recovery codes", "/account/recovery-codes/new", role=""),
    Place("recovery codes", "/account/recovery-codes/new", press("main form .primary", "#recovery-codes"), role=""),
    Place("not allowed", "/admin/audit-log", role="operator", status=403),
    Place("team, to an admin", "/admin/team", role="admin"),
    Place("not allowed anywhere", "/admin/webhooks", role="viewer", status=403),
    Place("webhooks, to an operator", ONE_ROW, role="operator"),
    Place("webhooks", HOOKS),
    Place("webhooks, for paper", f"{HOOKS}?print=1"),
    Place("webhooks, none found", f"{HOOKS}?q=nothing"),
    Place("webhooks, last page", f"{HOOKS}?page=2"),
    Place("webhooks, the events of one", ONE_ROW, press("#webhook-1-events", ".event-names:popover-open")),
    Place("webhooks, a toast", ONE_ROW, press("#webhook-1-active", "#status .toast")),
    Place("webhooks, to delete some", ONE_ROW, choose_and_delete),
    Place("account menu", ONE_ROW, press(".user-button", "#user-menu")),
    Place("environment menu", ONE_ROW, press(".environment-button", "#environment-menu")),
    Place("sections menu", ONE_ROW, press(".menu-button", "#sidebar")),
    Place("palette", ONE_ROW, strike("Control+k", "#palette a")),
    Place("keyboard help", ONE_ROW, strike("?", "#keys")),
    Place("palette page", "/admin/palette?q=a"),
    Place("create a webhook", f"{HOOKS}/new"),
    Place("create a webhook, refused", f"{HOOKS}/new", press("main form .primary", ".error"), status=422),
    Place(
        "create a webhook, a payload",
        f"{HOOKS}/new",
        press("[data-opens=drawer] >> nth=0", "#drawer-schema, #drawer-content .code"),
    ),
    Place("webhook", f"{HOOKS}/1"),
    Place("webhook, unfolded", f"{HOOKS}/1", unfold),
    Place("webhook, failing", f"{HOOKS}/2"),
    Place("webhook, disabled", f"{HOOKS}/3"),
    Place("webhook, never used", f"{HOOKS}/4"),
    Place("webhook, its secret lost", f"{HOOKS}/{LOST}"),
    Place("edit a webhook", f"{HOOKS}/1/edit"),
    Place("webhook, with options", f"{HOOKS}/5"),
    Place("edit a webhook, with options", f"{HOOKS}/5/edit", unfold),
    Place("edit a webhook, changed meanwhile", f"{HOOKS}/1/edit", edit_what_was_changed, status=409),
    Place("secret", f"{HOOKS}/1/secret"),
    Place("test event", f"{HOOKS}/1/test"),
    Place("test event, sent", f"{HOOKS}/1/test", press("main .primary", "#test-result .note")),
    Place("why nothing arrives", f"{HOOKS}/1/why-nothing"),
    Place("why nothing arrives, failing", f"{HOOKS}/2/why-nothing"),
    Place(
        "why nothing arrives, endpoint checked", f"{HOOKS}/2/why-nothing", press("#check-endpoint", "#endpoint .checks")
    ),
    Place("check a signature", f"{HOOKS}/1/signature"),
    Place("check a signature, checked", f"{HOOKS}/1/signature", check_signature),
    Place("delete a webhook", f"{HOOKS}/1/delete"),
    Place("recover", f"{HOOKS}/1/recoveries"),
    Place("recover, counted", f"{HOOKS}/1/recoveries", press("form[action$=recoveries] .primary", "#bulk-count")),
    Place("missed events, counted", f"{HOOKS}/1/recoveries", press("form[action$=missed] .primary", "#bulk-count")),
    Place("deliveries", LOG),
    Place("deliveries, for paper", f"{LOG}?print=1"),
    Place("deliveries, filtered", f"{LOG}?status=failed&code=5xx&webhook=1"),
    Place("deliveries, a filter to save", f"{LOG}?status=failed", press(".save-filter summary", ".save-filter[open]")),
    Place("replace a saved filter", f"{LOG}?status=failed", save_under_a_taken_name),
    Place("deliveries, none found", f"{LOG}?q=nothing"),
    Place("deliveries, filters not understood", f"{LOG}?code=50x&since=soon&category=mars"),
    Place("resend a delivery", f"{LOG}/2/retries"),
    Place("retry many, some of them arrived", f"{LOG}/retries?webhook=1"),
    Place("delivery", f"{LOG}/1"),
    Place("delivery, unfolded", f"{LOG}/1", unfold),
    Place("delivery, two attempts compared", f"{LOG}/1?compare=1&compare=2"),
    Place("delivery, delivered", f"{LOG}/2"),
    Place("delivery, retrying", f"{LOG}/3"),
    Place("delivery, waiting", f"{LOG}/4"),
    Place("delivery, cancelled", f"{LOG}/5"),
    Place("retry many", f"{LOG}/retries?status=failed"),
    Place("retry many, refused", f"{LOG}/retries?webhook=abc", status=422),
    Place("cancel many", f"{LOG}/cancellations?webhook=4"),
    Place("deliveries, live", LOG, press("#live", "[data-live]")),  # and the places below, if they can be
    Place("bulk actions", "/admin/bulk-actions"),
    Place("bulk action, stopped", "/admin/bulk-actions/1"),
    Place("bulk action, running", "/admin/bulk-actions/2"),
    Place("bulk action", "/admin/bulk-actions/3"),
    Place("overview", "/admin/overview"),
    Place("overview, unfolded", "/admin/overview", unfold),
    Place("event", "/admin/events/1"),
    Place("event, refused", "/admin/events/1", refuse_to_send, status=422),
    Place("event, to another environment", "/admin/events/1", send_elsewhere),
    Place("delete a saved filter", "/admin/saved-filters/1/delete"),
    Place("notices", "/admin/notices"),
    Place("payload", "/admin/event-types/license.created/payload"),
    Place("event types", "/admin/event-types"),
    Place("event types, unfolded", "/admin/event-types", unfold),
    Place("add an event type", "/admin/event-types/new"),
    Place("add an event type, refused", "/admin/event-types/new", press("main form .primary", ".error"), status=422),
    Place("edit an event type", "/admin/event-types/invoice.paid/edit"),
    Place("delete an event type", "/admin/event-types/invoice.paid/delete"),
    Place("inspectors", INSPECTORS),
    Place("inspectors, refused", INSPECTORS, name_it_too_long, status=422),
    Place("inspector", f"{INSPECTORS}/1"),
    Place("inspector, unfolded", f"{INSPECTORS}/1", unfold),
    Place("inspector, an older request", f"{INSPECTORS}/1", press("#show-1", "#show-1[aria-current]")),
    Place("inspector, never used", f"{INSPECTORS}/2"),
    Place("delete an inspector", f"{INSPECTORS}/1/delete"),
    Place("audit log", "/admin/audit-log"),
    Place("audit log, unfolded", "/admin/audit-log", unfold),
    Place("API keys", "/admin/api-keys"),
    Place("API key", "/admin/api-keys/1"),
    Place("API key, rolled", "/admin/api-keys/3"),
    Place("create an API key", "/admin/api-keys/new"),
    Place("create an API key, refused", "/admin/api-keys/new", press("main form .primary", ".error"), status=422),
    Place("API key, created", "/admin/api-keys/new", create_key),
    Place("edit an API key", "/admin/api-keys/1/edit"),
    Place("revoke an API key", "/admin/api-keys/1/revoke"),
    Place("team", "/admin/team"),
    Place("invite", "/admin/team/new"),
    Place("invite, refused", "/admin/team/new", press("main form .primary", ".error"), status=422),
    Place("invite, a link to copy", "/admin/team/new", invite),
    Place("person", "/admin/team/1"),
    Place("person, invited", "/admin/team/2"),
    Place("person, deactivated", "/admin/team/3"),
    Place("deactivate a person", "/admin/team/1/deactivate"),
    Place("account", "/account"),
    Place("password", "/account/password"),
    Place("authenticator app", "/account", press("form[action='/account/authenticator/new'] button", ".qr-code")),
    Place("add a passkey", "/account/passkeys/new"),
    Place("settings", "/admin/settings/webhooks"),
    Place("purge count", "/admin/settings/webhooks/purge"),
    Place("not found", "/admin/nothing-here", status=404),
)
