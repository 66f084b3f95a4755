// What HTML can't do by itself. Pages work without this file.

const say = (region, text) => {
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.dataset.kind = region === "alert" ? "error" : "success";
  toast.textContent = text;
  document.getElementById(region)?.replaceChildren(toast);
};

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const source = document.getElementById(copy.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      say("status", "Copied.");
    } catch {
      say("alert", "The browser didn't allow copying. Select the text and copy it by hand.");
    }
  }
  event.target.closest("[data-dismiss]")?.closest(".toast").remove();
});

document.addEventListener("htmx:sendError", () => say("alert", "The server can't be reached. Nothing was changed."));
document.addEventListener("htmx:timeout", () => say("alert", "The server took too long to answer. Reload the page."));

// Times that are not recent are shown in the reader's zone; UTC stays in the title.
const zoned = {
  minute: new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" }),
  day: new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" }),
};
const localise = (root) => {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.textContent = zoned[time.dataset.local].format(new Date(time.dateTime));
  }
};

// The event types of a webhook: counts, all of a group, and a filter box.
const countEvents = (picker) => {
  for (const scope of [picker, ...picker.querySelectorAll("[data-group]")]) {
    const chosen = scope.querySelectorAll("[name=events]:checked").length;
    const shown = [...scope.querySelectorAll("[data-event]:not([hidden]) [name=events]")];
    const all = scope.querySelector(scope === picker ? "[data-select-all]" : "[data-select-group]");
    all.checked = shown.length > 0 && shown.every((box) => box.checked);
    all.indeterminate = !all.checked && shown.some((box) => box.checked);
    const count = scope.querySelector("[data-count]");
    count.value = scope === picker ? chosen : `${chosen} of ${scope.querySelectorAll("[name=events]").length}`;
  }
};

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-choose-all]")) {
    for (const box of document.querySelectorAll("td.choose > input")) box.checked = event.target.checked;
  }
  const picker = event.target.closest("[data-event-picker]");
  if (!picker) return;
  if (event.target.matches("[data-event-filter]")) {
    for (const label of picker.querySelectorAll("[data-event]")) {
      label.hidden = !label.dataset.event.includes(event.target.value.trim().toLowerCase());
    }
    for (const group of picker.querySelectorAll("[data-group]")) {
      group.hidden = !group.querySelector("[data-event]:not([hidden])");
    }
  } else if (event.target.matches("[data-select-all], [data-select-group]")) {
    const scope = event.target.closest("[data-group]") ?? picker;
    for (const box of scope.querySelectorAll("[data-event]:not([hidden]) [name=events]")) box.checked = event.target.checked;
  }
  countEvents(picker);
});

const prepare = (root) => {
  localise(root);
  for (const element of root.querySelectorAll("[data-needs-script]")) element.hidden = false;
  for (const picker of root.querySelectorAll("[data-event-picker]")) countEvents(picker);
};
prepare(document);
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt.parentElement ?? document));

// The keyboard: dialogs, shortcuts, and arrows through the rows of a table or the results of the palette.
const open = (id) => document.getElementById(id)?.showModal();
const follow = (selector) => document.querySelector(selector)?.click();
const shortcuts = {
  "/": () => document.querySelector("main input[type=search]")?.focus(),
  "?": () => open("keys"),
  c: () => follow('main a[href="/admin/webhooks/new"]'),
  "g w": () => follow('.sidebar a[href^="/admin/webhooks"]'),
  "g d": () => follow('.sidebar a[href^="/admin/webhook-deliveries"]'),
};
let prefix = "";

const stops = (target) => {
  const rows = target.closest("tbody")?.rows;
  return rows ? [...rows].map((row) => row.querySelector("a, button")) : [...(target.closest("#palette")?.querySelectorAll("input, a") ?? [])];
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if ((event.ctrlKey || event.metaKey) && key === "k") {
    event.preventDefault();
    open("palette");
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (step) {
    const all = stops(target);
    const here = all.findIndex((stop) => stop === target || (target.closest("tr")?.contains(stop) ?? false));
    const next = all[here + step];
    if (here >= 0 && next) {
      event.preventDefault();
      next.focus();
    }
  }
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea, dialog[open]")) return;
  const action = shortcuts[prefix + key];
  prefix = key === "g" ? "g " : "";
  if (action) {
    event.preventDefault();
    action();
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) open(opener.dataset.opens);
  if (event.target.matches("dialog")) event.target.close(); // its backdrop
});
