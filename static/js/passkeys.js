// Passkeys: a form with data-passkey asks the browser to make ("create") or use ("get") one, and sends the answer.

const explain = (error, origin) => ({
  NotAllowedError: "No passkey was used: it was cancelled, or took too long. Try again.",
  InvalidStateError: "This device has a passkey for your account already.",
  SecurityError: `Passkeys work only at ${origin}. Open the portal there.`,
  TypeError: "This browser can't use passkeys. Update it, or use another way.",
})[error.name] ?? "The passkey could not be used. Reload the page and try again.";

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { passkey: kind, options, origin } = form.dataset;
    const note = form.querySelector("[role=alert]");
    note.textContent = "";
    try {
      const parse = kind === "create" ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
      const answer = await fetch(options, { method: "POST", body: new FormData(form) });
      const publicKey = PublicKeyCredential[parse](JSON.parse(await answer.text()));
      form.elements.answer.value = JSON.stringify(await navigator.credentials[kind]({ publicKey }));
      form.submit();
    } catch (error) {
      note.textContent = explain(error, origin);
    }
  });
}
