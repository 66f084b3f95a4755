// What HTML can't do by itself. All pages work without this file.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const byId = (id) => document.getElementById(id);

const openDialog = (id) => {
  byId(id)?.showModal();
  byId(id)?.querySelector("input[type=search]")?.select(); // what was typed before is replaced by typing
};

const say = (region, text) => {
  const toast = byId(`${region}-toast`).content.cloneNode(true);
  toast.querySelector("p").textContent = text;
  byId(region).replaceChildren(toast);
};
// Outside of an open dialog nothing can be clicked, or is read aloud. So the toasts go into it.
document.addEventListener("toggle", ({ target }) => target.matches("dialog") && (target.open ? target : all("dialog[open]").at(-1) ?? document.body).append(...all(".toasts")), true);

// A click that opens another tab or window is the browser's own. htmx and the way back would take it, too.
document.addEventListener("click", (event) => (event.ctrlKey || event.metaKey || event.shiftKey) && event.target.closest("a[hx-get], [data-back]") && event.stopPropagation(), true);

document.addEventListener("click", async ({ target }) => {
  target.closest("[data-dismiss]")?.closest(".toast").remove();
  openDialog(target.closest("[data-opens]")?.dataset.opens);
  if (target.matches("dialog")) target.close(); // a click on the backdrop
  const copy = target.closest("[data-copy]");
  if (!copy) return;
  try {
    const source = byId(copy.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    say("status", "Copied.");
  } catch {
    say("alert", "The browser blocked copying. Select the text and copy it with the keyboard.");
  }
});

// A live list waits while somebody reads it. It says so itself if a poll fails.
const polled = ({ detail: { requestConfig: { elt } } }, by = "[hx-trigger^=every]") => elt.matches(by) && elt.closest("[data-live]");
const rest = (event) => {
  const list = polled(event, "#follow");
  const { isCollapsed, anchorNode } = getSelection();
  const isRead = list && (document.hidden || list.matches(":hover, :focus-within") || (!isCollapsed && list.contains(anchorNode)) || list.getBoundingClientRect().top < 0);
  if (isRead) (event.preventDefault(), (list.dataset.live = "reading"));
};
document.addEventListener("htmx:beforeRequest", rest);
document.addEventListener("htmx:afterRequest", (event) => event.detail.successful && polled(event, "#follow") && (polled(event).dataset.live = "on"));
const fail = (event, text) => (polled(event) ? (polled(event).dataset.live = "down") : say("alert", text));
const unreached = "The server can't be reached. Check your connection, then try again.";
document.addEventListener("htmx:sendError", (event) => fail(event, unreached));
document.addEventListener("htmx:beforeOnLoad", () => byId("alert").textContent.trim() === unreached && byId("alert").replaceChildren()); // any answer shows that it can
document.addEventListener("htmx:timeout", (event) => fail(event, "The server took too long to respond. Reload the page to see the current state."));
document.addEventListener("htmx:beforeSwap", (event) => {
  const { isError, xhr } = event.detail;
  if (!isError || (xhr.getResponseHeader("HX-Retarget") && !polled(event))) return rest(event); // an answer with HX-Retarget contains a message of its own
  event.detail.shouldSwap = false;
  fail(event, `The server responded with error ${xhr.status}. Try again in a moment.`);
});

// htmx looks for the target of an error around the element that asked. It finds none if that has left the page meanwhile.
const late = (event) => {
  const { target, detail: { xhr } } = event;
  if (target.isConnected || xhr.status < 400 || xhr.getResponseHeader("HX-Redirect")) return;
  event.preventDefault();
  if (!target.matches("form")) return; // the page asked by itself, and needs the answer no longer
  if (xhr.getResponseHeader("HX-Retarget") === "#alert") htmx.swap("#alert", xhr.response, { swapStyle: "innerHTML" });
  else say("alert", `The server responded with error ${xhr.status}. Try again in a moment.`);
};
document.addEventListener("htmx:beforeSend", ({ target }) => target.addEventListener("htmx:beforeOnLoad", late));

// Times are shown in the reader's zone. Recent ones are relative and kept up to date. The title also has UTC.
const once = (make, made = {}) => (name) => (made[name] ??= make(name)); // formats are slow to make, and many pages need none
const zoned = once((name) => new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: { minute: "short", exact: "short", second: "medium" }[name] }));
const relative = once(() => new Intl.RelativeTimeFormat("en"));
const spans = [["day", 86400], ["hour", 3600], ["minute", 60]];
const tell = (time) => {
  const at = new Date(time.dateTime);
  const seconds = (at - Date.now()) / 1000;
  const [unit, length] = spans.find(([, length]) => ["exact", "second"].includes(time.dataset.local) || Math.abs(seconds) >= length) ?? [];
  if (unit === "day") return zoned(time.dataset.local).format(at);
  if (unit) return relative().format(Math.trunc(seconds / length), unit);
  if (seconds > 0) return "in a moment";
  return seconds > -10 ? "just now" : `${Math.trunc(-seconds)} seconds ago`;
};
const localise = (root) => {
  for (const time of all("time[data-local]", root)) {
    time.dataset.utc ??= time.title;
    time.title = `${zoned("minute").format(new Date(time.dateTime))} (${time.dataset.utc})`;
    const text = tell(time);
    if (time.textContent !== text) time.textContent = text;
  }
};
setInterval(() => localise(document), 10_000);

// Typed times are in the reader's zone, too. They are sent as UTC.
document.addEventListener("formdata", ({ target, formData }) => {
  for (const input of all("input[type=datetime-local]", target).filter(({ value }) => value)) {
    // A time that nobody changed is sent as it came. Its hour may come twice in the reader's zone.
    formData.set(input.name, input.value === input.dataset.filled ? input.dataset.utc : new Date(input.value).toISOString());
  }
});
const fillTime = (input) => {
  const at = new Date(input.dataset.utc);
  const local = new Date(at - at.getTimezoneOffset() * 60_000).toISOString();
  input.value = input.dataset.filled = local.slice(0, at.getSeconds() ? 19 : 16);
};

// Checkboxes for all of a group: event types in the form, and rows in the list of webhooks.
const count = () => {
  for (const scope of all("[data-scope]")) {
    const boxes = all("[data-box]", scope);
    const shown = boxes.filter((box) => !box.closest("[hidden]"));
    const chosen = boxes.filter((box) => box.checked).length + all("[data-kept] > input", scope).length;
    const whole = scope.querySelector("[data-whole]");
    whole.checked = shown.length > 0 && shown.every((box) => box.checked);
    whole.indeterminate = !whole.checked && shown.some((box) => box.checked);
    scope.querySelector("[data-count]").textContent = scope.dataset.scope.replace("#", chosen).replace("*", boxes.length);
  }
};

// Rows stay selected while the list shows others: the form of the bulk bar carries those that are out of sight.
// They are selected again for who goes back from the question of a bulk change, but not once the change is made.
const isBack = performance.getEntriesByType("navigation")[0]?.type !== "navigate"; // "reload" after the line below
addEventListener("pageshow", ({ persisted }) => persisted && location.reload()); // Safari keeps even pages with no-store, over http
const kept = new Set(byId("webhook-filters") && isBack ? JSON.parse(sessionStorage.kept ?? "[]") : []);
if (byId("webhook-filters")) delete sessionStorage.kept;
document.addEventListener("submit", ({ target }) => target.matches("[data-keeps]") && (sessionStorage.kept = JSON.stringify([...kept])));
document.addEventListener("click", (event) => event.target.closest("[data-back]")?.href === document.referrer && (event.preventDefault(), history.back()));
const keepSelection = () => {
  const form = document.querySelector("[data-keeps]");
  if (!form) return;
  const boxes = new Map(all("[data-box]", form.closest("[data-scope]")).map((box) => [box.value, box]));
  for (const [value, box] of boxes) if ((box.checked ||= kept.has(value))) kept.add(value); // the browser may have checked it
  const hidden = [...kept].filter((value) => !boxes.has(value));
  const fields = hidden.map((value) => Object.assign(document.createElement("input"), { type: "hidden", name: "webhook", value }));
  form.querySelector("[data-kept]").replaceChildren(...fields, hidden.length ? `${hidden.length} of them not shown` : "");
};
document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-box], [data-whole]") || !document.querySelector("[data-keeps]")) return;
  for (const box of all("[data-box]")) kept[box.checked ? "add" : "delete"](box.value);
});

document.addEventListener("input", ({ target }) => {
  if (target.matches("[data-clears]") && target.value) byId(target.dataset.clears).value = "";
  if (target.matches("[data-event-filter]")) {
    for (const label of all("[data-event]")) label.hidden = !label.dataset.event.includes(target.value.trim().toLowerCase());
    for (const group of all("[data-group]")) group.hidden = !group.querySelector("[data-event]:not([hidden])");
  }
  if (target.matches("[data-whole]")) for (const box of all("[data-box]", target.closest("[data-scope]"))) if (!box.closest("[hidden]")) box.checked = target.checked;
  // A group with its future types holds all present ones. Without one of them it is no whole group any more.
  if (target.matches("[data-later]:checked")) for (const box of all("[data-box]", target.closest("[data-group]"))) box.checked = true;
  for (const later of all("[data-later]:checked")) later.checked = all("[data-box]", later.closest("[data-group]")).every((box) => box.checked);
  count();
});

// A double click sends a form once. The second request would end the first one in the browser, with the cookie of its answer.
const sentAt = new WeakMap();
const isTwice = ({ target, timeStamp }) => timeStamp - sentAt.get(target) < 1000;
document.addEventListener("submit", (event) => event.defaultPrevented || event.target.method !== "post" || (isTwice(event) ? event.preventDefault() : sentAt.set(event.target, event.timeStamp)));

// The browser asks before it leaves a form that somebody changed and didn't save.
let unsaved = false;
document.addEventListener("input", ({ target }) => (unsaved ||= Boolean(target.form?.matches("[data-guard]"))));
document.addEventListener("submit", ({ target }) => (unsaved &&= !target.matches("[data-guard]") && Boolean(document.querySelector("[data-guard]"))));
document.addEventListener("htmx:afterRequest", ({ detail, target }) => (unsaved ||= !detail.successful && target.matches("[data-guard]")));
addEventListener("beforeunload", (event) => unsaved && event.preventDefault());

const prepare = (root) => {
  localise(root);
  all("[data-zone]", root).forEach((element) => (element.textContent = "your time"));
  all("input[data-utc]", root).forEach(fillTime);
  keepSelection();
  count();
  unsaved ||= Boolean(root.querySelector("[data-unsaved]"));
};
document.documentElement.dataset.script = "on"; // shows [data-needs-script]
prepare(document);
document.addEventListener("htmx:load", ({ detail: { elt } }) => elt === document.body || prepare(elt.parentElement ?? document));

// What the reader unfolded stays open when the part around it is replaced.
let unfolded = [];
document.addEventListener("htmx:beforeSwap", () => (unfolded = all("details[data-stays][open]").map(({ id }) => id)));
document.addEventListener("htmx:afterSettle", () => unfolded.splice(0).forEach((id) => byId(id)?.setAttribute("open", "")));

// The keyboard: shortcuts, and arrow keys for the rows of a table and the results of the palette.
const follow = (selector) => document.querySelector(selector)?.click();
const shortcuts = {
  "/": () => (document.querySelector("main input[type=search]") ?? { focus: () => openDialog("palette") }).focus(),
  "?": () => openDialog("keys"),
  c: () => follow("#create-webhook, #palette a[data-create]"),
  "g w": () => follow('.sidebar a[href^="/admin/webhooks"]'),
  "g d": () => follow('.sidebar a[href^="/admin/webhook-deliveries"]'),
};
let prefix = "";

const step = (target, by) => {
  const rows = all("main tbody tr").map((row) => row.querySelector("[data-row-link]") ?? row.querySelector("a, button, summary"));
  const list = target.closest("#palette") ? all("#palette-input, #palette li a") : rows.filter(Boolean);
  const here = list.findIndex((stop) => stop === target || stop.closest("tr")?.contains(target));
  const next = list[here < 0 && by < 0 ? -1 : here + by];
  next?.focus();
  return next;
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.isComposing || event.keyCode === 229) return; // an input method takes the key. Safari tells it by the code alone
  const typing = target.closest("input:not([type=checkbox]), select, textarea");
  if ((event.ctrlKey || event.metaKey) && key === "k") {
    event.preventDefault();
    openDialog("palette");
  } else if (key === "Enter" && target.matches("#palette-input, [data-event-filter]")) {
    event.preventDefault();
    if (target.id === "palette-input") follow("#palette-results a");
  } else if ((key === "ArrowDown" || key === "ArrowUp") && (!typing || typing.type === "search")) {
    if (step(target, key === "ArrowDown" ? 1 : -1)) event.preventDefault();
  }
  if (key === "Escape" && target.type === "search") (target.blur(), target.closest("dialog")?.close());
  if (document.documentElement.dataset.shortcuts === "off") return;
  if (event.ctrlKey || event.metaKey || event.altKey || typing || target.closest("dialog[open]")) return;
  const action = shortcuts[prefix + key];
  prefix = key === "g" ? "g " : "";
  if (action) (event.preventDefault(), action());
});
