// The lab: run and stop by keys, rows to keep, seeds, and a history that never leaves this browser.

const form = document.getElementById("lab");
const run = document.getElementById("run");
const stop = document.getElementById("stop");
const status = document.getElementById("lab-status");
const byId = (id) => document.getElementById(id);
const faulty = () => [...form.elements].filter((field) => field.hasAttribute("aria-invalid"));

/* One run at a time ------------------------------------------------------------------------------------------------ */

let doing = null; // what the request under way does, and the fields that it has sent
let stopped = false;
const asks = (action) => action === "run" || action === "over";

function setRunning(running) {
  run.setAttribute("aria-disabled", String(running));
  if (!running && document.activeElement === stop) run.focus();
  stop.disabled = !running;
}

function clearFaults() {
  for (const slot of document.querySelectorAll(".fault-slot")) slot.replaceChildren();
  for (const field of faulty()) field.removeAttribute("aria-invalid");
  byId("lab-problem").replaceChildren();
  byId("lab-signed-out").hidden = true;
}

document.addEventListener("submit", (event) => {
  if (event.target !== form) return;
  const { submitter } = event;
  if (submitter?.hasAttribute("data-whole-page")) {
    event.stopImmediatePropagation(); // a download, or another page: the browser does it
    return;
  }
  if (doing) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (submitter?.dataset.seed && byId("random_seed")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    byId("random_seed").value = submitter.dataset.seed;
    byId("more-parameters").open = true;
    byId("random_seed").focus();
    return;
  }
  clearFaults();
  const action = submitter?.value ?? "run";
  doing = { action, fields: [...new FormData(form)] };
  stopped = false;
  if (asks(action)) {
    setRunning(true);
    status.textContent = "The models are being asked.";
  }
}, true);

// Where the keyboard goes on after a button that its own action has replaced.
const next = {
  mode: '.picks [aria-pressed="true"]',
  add: "#example_input",
  paste: "#more-pasted summary",
  rows: "#more-rows summary",
  remove: "#more-examples summary",
  column: ".column:last-child select",
  drop: ".column select",
  code: "#code pre",
  save: "#saved",
  find: "#saved_find",
  load: "#saved",
  versions: "#saved",
  compare: "#saved",
  beside: ".column:last-child select",
};

function settle(turn) {
  turn.dataset.settled = "";
  const answers = [...(turn.querySelectorAll(".answer"))];
  const cut = answers.filter((item) => item.getAttribute("aria-busy") === "true");
  for (const answer of cut) {
    answer.removeAttribute("aria-busy");
    const ending = answer.querySelector(".ending");
    const kept = answer.querySelector(".said").textContent ? "this is what had arrived" : "nothing had arrived";
    ending.textContent = stopped ? `stopped; ${kept}` : `The connection broke off; ${kept}. Run it again.`;
    ending.classList.remove("waits");
    if (!stopped) ending.classList.add("broken");
  }
  for (const cell of turn.querySelectorAll("[data-waits]")) cell.textContent = stopped ? "stopped" : "not answered";
  const refused = answers.filter((item) => item.querySelector(".notice.bad")).length;
  const counts = [[answers.length - refused - cut.length, "answered"], [refused, "refused"], [cut.length, stopped ? "stopped" : "broken off"]];
  status.textContent = answers.length
    ? `${counts.filter(([count], index) => count || !index).map(([count, word]) => `${count} ${word}`).join(", ")}.`
    : turn.querySelector(".facts").textContent;
  return answers;
}

const unsettled = () => byId("turns").querySelector(".turn:not([data-settled])");

form.addEventListener("htmx:finally:request", (event) => {
  if (event.target !== form || !doing) return;
  const done = doing;
  doing = null;
  if (!asks(done.action)) {
    document.body.dispatchEvent(new Event("recount"));
    const place = next[done.action.split(":")[0]];
    if (place && document.activeElement === document.body) document.querySelector(place)?.focus();
    const shows = done.action.split(":")[0];
    if (shows === "code") byId("code").scrollIntoView({ block: "nearest" });
    if (["save", "load", "versions", "compare"].includes(shows)) byId("saved").scrollIntoView({ block: "nearest" });
    faulty()[0]?.focus();
    return;
  }
  setRunning(false);
  const turn = unsettled();
  if (!turn) {
    status.textContent = "";
    document.querySelector(".fault")?.closest("details:not([open])")?.setAttribute("open", "");
    faulty()[0]?.focus();
    return;
  }
  remember(done.fields, turn, settle(turn));
});

// A refused field is marked as such, and the part of the form that holds it opens.
document.addEventListener("htmx:after:swap", () => {
  for (const slot of document.querySelectorAll(".fault-slot:not(:empty)")) {
    document.querySelector(`[aria-describedby~="${slot.id}"]`)?.setAttribute("aria-invalid", "true");
    slot.closest("details")?.setAttribute("open", "");
  }
});

// A part that was being put in its place when the run was stopped.
document.addEventListener("htmx:after:swap", () => {
  if (!doing && unsettled()) settle(unsettled());
});

// A run that begins out of sight, as below the form where the page is narrow, comes into view.
const shown = new WeakSet();
document.addEventListener("htmx:after:swap", () => {
  const turn = byId("turns").querySelector(".turn");
  if (!turn || shown.has(turn)) return;
  shown.add(turn);
  if (doing && turn.getBoundingClientRect().top > window.innerHeight - 80) turn.scrollIntoView({ block: "start" });
});

// Parts of the form that are open stay open when it is drawn again.
const open = new Set();
document.addEventListener("toggle", (event) => {
  if (event.target.id?.startsWith("more-")) open[event.target.open ? "add" : "delete"](event.target.id);
}, true);
document.addEventListener("htmx:after:settle", () => {
  for (const id of open) byId(id)?.setAttribute("open", "");
});

// The session has ended: nothing of the other page is put here, so that what was typed stays.
document.addEventListener("htmx:before:response", (event) => {
  if (!event.detail.ctx.response.raw.redirected) return;
  event.preventDefault();
  byId("lab-signed-out").hidden = false;
});
document.addEventListener("htmx:error", () => byId("away")?.removeAttribute("hidden"));
document.addEventListener("htmx:before:swap", () => byId("away")?.setAttribute("hidden", ""));

function halt() {
  if (!asks(doing?.action)) return;
  stopped = true;
  form.dispatchEvent(new CustomEvent("htmx:abort"));
}
stop.addEventListener("click", halt);

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit(run);
  } else if (event.key === "Escape") {
    halt();
  }
});

// A tuned model usually gets the input alone, its base the whole prompt.
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-model]")) return;
  const gets = byId(event.target.id.replace("model-", "gets-"));
  if (gets) gets.value = event.target.selectedOptions[0].dataset.gets;
});

/* Rows to keep ------------------------------------------------------------------------------------------------------ */

const kept = byId("kept");

function countKept() {
  const count = kept.value.split("\n").filter((line) => line.trim()).length;
  byId("kept-count").textContent = count ? ` (${count})` : "";
}
kept.addEventListener("input", countKept);
countKept();

function rowOf(button) {
  const input = button.closest(".turn").querySelector(".asked").textContent;
  return JSON.stringify({ input, output: button.closest(".keep").querySelector("textarea").value });
}

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  said(button, "Copied");
}

function said(button, text) {
  const before = button.textContent;
  button.textContent = text;
  status.textContent = text;
  setTimeout(() => { button.textContent = before; }, 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.hasAttribute("data-copy-row")) copy(button, rowOf(button));
  else if (button.hasAttribute("data-copy")) copy(button, button.parentElement.querySelector("pre").textContent);
  else if (button.hasAttribute("data-keep")) {
    const rows = kept.value.trimEnd();
    kept.value = `${rows ? `${rows}\n` : ""}${rowOf(button)}\n`;
    countKept();
    said(button, "Kept below");
  }
});

/* History: the last 50 runs, in this browser only -------------------------------------------------------------------- */

const history_ = byId("history");
const keeps = byId("keep-history");
const list = byId("history-list");
const place = `foreword-lab:${history_.dataset.tenant}`;
const offPlace = `${place}:off`;
const mostRuns = 50;

function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(place) ?? "[]");
    return Array.isArray(found) ? found.filter((item) => Array.isArray(item?.fields)) : [];
  } catch {
    return [];
  }
}

function store(runs) {
  for (let count = Math.min(runs.length, mostRuns); count > 0; count -= Math.ceil(count / 4)) {
    try {
      localStorage.setItem(place, JSON.stringify(runs.slice(0, count)));
      return;
    } catch { /* too much for the browser: the oldest runs go */ }
  }
  try { localStorage.removeItem(place); } catch { /* storage is off */ }
}

const left_out = new Set([
  "do", "kept", "kept_name", "example_input", "example_output", "pasted", "saved", "saved_name", "saved_note",
]);

function remember(fields, turn, answers) {
  if (!keeps.checked) return;
  store([{
    time: new Date().toISOString(),
    asked: turn.querySelector(".asked").textContent.slice(0, 300),
    answers: answers.map((item) => [item.getAttribute("aria-label"), item.querySelector(".said")?.textContent.slice(0, 300) ?? ""]),
    fields: fields.filter(([name]) => !left_out.has(name)),
  }, ...stored()]);
  draw();
}

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function draw() {
  const runs = stored();
  byId("history-said").textContent = keeps.checked
    ? `${runs.length ? `${runs.length} ${runs.length === 1 ? "run" : "runs"}.` : "No run yet."} History stays in this browser.`
    : "No history is kept.";
  list.hidden = !runs.length;
  list.querySelector("ol").replaceChildren(...runs.map((item, index) => {
    const entry = document.createElement("li");
    const again = element("button", item.asked || "(empty)", "button quiet");
    again.type = "button";
    again.addEventListener("click", () => showAgain(runs[index]));
    entry.append(element("span", new Date(item.time).toLocaleString(), "sub"), again);
    for (const [model, text] of item.answers) entry.append(element("span", `${model}: ${text}`, "sub"));
    return entry;
  }));
}

// The prompt goes back to the form in the body of a request: never in an address.
function showAgain(item) {
  const sender = document.createElement("form");
  sender.method = "post";
  sender.action = form.action;
  for (const [name, value] of [...item.fields, ["do", "edit"], ["kept", kept.value]]) {
    const field = element("textarea", "");
    field.name = name;
    field.value = value;
    sender.append(field);
  }
  sender.hidden = true;
  document.body.append(sender);
  sender.submit();
}

keeps.addEventListener("change", () => {
  try {
    if (keeps.checked) localStorage.removeItem(offPlace);
    else {
      localStorage.setItem(offPlace, "1");
      localStorage.removeItem(place);
    }
  } catch { /* storage is off: nothing is kept anyway */ }
  draw();
});
try { keeps.checked = localStorage.getItem(offPlace) === null; } catch { keeps.checked = false; }
draw();
