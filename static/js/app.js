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
const zoned = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const localise = (root) => {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.textContent = zoned.format(new Date(time.dateTime));
  }
};
localise(document);
document.addEventListener("htmx:load", (event) => localise(event.detail.elt.parentElement ?? document));
