// What HTML alone does not do: menus close, dialogs of keys open, and a fresh page reports that it is connected.
"use strict";

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.tenant[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.tenant[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
});

// The way back to a form whose session had ended is taken at once.
document.querySelector("form[data-at-once]")?.requestSubmit();

// The notice that the service is away: shown while a stream is being opened again, hidden when it is.
const away = () => document.getElementById("away");
document.addEventListener("htmx:sse:error", () => away()?.removeAttribute("hidden"));
document.addEventListener("htmx:sse:after:connection", () => away()?.setAttribute("hidden", ""));

// The upload of a file: how much of it has been sent, and the answer in the place of the page.
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

const showUpload = (form, file, sent) => {
  const box = document.querySelector("[data-upload-progress]");
  const bar = box.querySelector("progress");
  box.hidden = false;
  bar.value = file.size ? Math.min(100, (100 * sent) / file.size) : 100;
  box.querySelector("[data-upload-name]").textContent = file.name;
  box.querySelector("[data-upload-share]").textContent =
    sent < file.size ? `${megabytes(sent)} of ${megabytes(file.size)}` : "all sent; the checks run";
};

const showAnswer = (answer, file) => {
  const page = new DOMParser().parseFromString(answer.responseText, "text/html");
  const main = page.querySelector("main");
  if (!main) return;
  const chosen = document.querySelector("form[data-upload] input[type=file]")?.files;
  document.querySelector("main").replaceWith(main);
  document.title = page.title;
  const input = main.querySelector("form[data-upload] input[type=file]");
  if (input && chosen && file) input.files = chosen;
  (main.querySelector("#found") ?? main.querySelector("[aria-invalid]") ?? main).focus();
};

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-upload]")) return;
  const file = form.querySelector("input[type=file]").files[0];
  if (!file) return;
  event.preventDefault();
  const fields = new FormData(form, event.submitter);
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  // Not form.action, which is a button of this name.
  const address = new URL(form.getAttribute("action"), document.baseURI).href;
  const request = new XMLHttpRequest();
  request.open("POST", address);
  request.upload.addEventListener("progress", (sent) => showUpload(form, file, Math.min(sent.loaded, file.size)));
  request.addEventListener("load", () => {
    if (new URL(request.responseURL || address).pathname.endsWith("/sign-in")) {
      for (const button of buttons) button.disabled = false;
      document.querySelector("[data-upload-progress]").hidden = true;
      showEnd(request.responseURL);
    } else if (request.responseURL && request.responseURL !== address) window.location.assign(request.responseURL);
    else showAnswer(request, file);
  });
  request.addEventListener("error", () => {
    for (const button of buttons) button.disabled = false;
    away()?.removeAttribute("hidden");
    const share = document.querySelector("[data-upload-share]");
    if (share) share.textContent = `not sent: the file has more than ${megabytes(Number(form.dataset.upload))}, or the service is away`;
  });
  showUpload(form, file, 0);
  request.send(fields);
});

// Where the keyboard is while a part of the page is replaced: it stays where it was, or else goes to the page itself.
let focused = null;
document.addEventListener("htmx:before:swap", () => { focused = document.activeElement; }, true);
document.addEventListener("htmx:after:swap", () => {
  if (!focused || focused.isConnected || document.activeElement !== document.body) return;
  if (document.getElementById("lab")) return; // which knows better
  (document.getElementById(focused.id) ?? document.getElementById("main")).focus({ preventScroll: true });
});

// A form that was refused: the keyboard begins at the first field that has a fault.
if (!document.querySelector("[autofocus]")) document.querySelector("main [aria-invalid='true']")?.focus();

// A form whose page follows while it is being typed into: what is typed stays, whatever an answer that is late says.
const TYPED = new Set(["value", "checked", "selected", "open"]);
htmx.registerExtension("typed", {
  htmx_before_morph_attr: (element, detail) => !(TYPED.has(detail.attrName) && element.closest("[data-typed]")),
  htmx_before_morph_node: (element, { newNode }) => {
    if (!(element instanceof HTMLTextAreaElement && element.closest("[data-typed]"))) return true;
    for (const name of ["aria-invalid", "aria-describedby", "placeholder"]) {
      if (newNode.hasAttribute(name)) element.setAttribute(name, newNode.getAttribute(name));
      else element.removeAttribute(name);
    }
    return false;
  },
});

// In a form, the end of the session is said instead of followed, so that nothing typed is lost.
const showEnd = (address) => {
  if (document.getElementById("ended")) return;
  const notice = document.createElement("div");
  notice.id = "ended";
  notice.className = "notice warn";
  notice.setAttribute("role", "alert");
  const said = document.createElement("p");
  const link = document.createElement("a");
  link.href = address;
  link.target = "_blank";
  link.textContent = "Sign in again in another tab";
  said.append("Your session has ended. ", link, " and go on here: what you have typed or chosen stays.");
  notice.append(said);
  document.querySelector("main").prepend(notice);
  notice.scrollIntoView({ block: "nearest" });
};

// What follows from a form cannot be shown while the service is away. It is asked for again until it is back.
let asksAgain = 0;
const showAway = (form) => {
  away()?.removeAttribute("hidden");
  clearTimeout(asksAgain);
  asksAgain = setTimeout(() => form.isConnected && form.dispatchEvent(new Event("change")), 1500);
};

document.addEventListener("htmx:error", (event) => {
  const form = event.detail.ctx?.sourceElement;
  if (form?.matches("[data-typed]")) showAway(form);
});

// An answer that is no part of the page: the session has ended, or the service is away. A form that shows what it is
// refused by itself, without losing what was typed, is left alone.
document.addEventListener("htmx:before:swap", (event) => {
  if (event.target.closest?.("[data-shows-refusals]")) return;
  const response = event.detail.ctx?.response?.raw;
  if (!response) return;
  const typed = event.detail.ctx.sourceElement?.matches("[data-typed]");
  if (response.redirected) {
    event.preventDefault();
    if (typed) showEnd(response.url);
    else window.location.assign(response.url);
  } else if (typed) {
    document.getElementById("ended")?.remove();
    if (response.status < 400) away()?.setAttribute("hidden", "");
    else {
      event.preventDefault();
      showAway(event.detail.ctx.sourceElement);
    }
  }
});

// A choice that is the whole form is sent as it is made.
document.addEventListener("change", (event) => {
  if (event.target.matches("form[data-submits] input[type=radio]")) event.target.form.requestSubmit();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copies]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
  button.textContent = "Copied";
});

// Whoever signs out leaves no prompts behind in this browser.
document.addEventListener("submit", (event) => {
  const tenant = /\/tenants\/([^/]+)\/sign-out$/.exec(event.target.getAttribute("action") ?? "");
  if (!tenant) return;
  try {
    localStorage.removeItem(`foreword-lab:${tenant[1]}`);
  } catch { /* storage is off */ }
});
