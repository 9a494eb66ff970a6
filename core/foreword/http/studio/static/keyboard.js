// Keys of one letter or sign: they work outside of fields, are listed under `?`, and can be off.
"use strict";

{
  const dialog = document.getElementById("hotkeys");
  const on = document.getElementById("hotkeys-on");
  const place = "foreword-hotkeys-off";
  const fields = "input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]";
  let goes = false; // G was pressed: the next key says where to

  try { on.checked = localStorage.getItem(place) === null; } catch { /* storage is off: they are on */ }
  on.addEventListener("change", () => {
    try {
      if (on.checked) localStorage.removeItem(place);
      else localStorage.setItem(place, "1");
    } catch { /* storage is off: it is forgotten with the page */ }
  });

  document.getElementById("show-hotkeys").addEventListener("click", () => dialog.showModal());

  document.addEventListener("keydown", (event) => {
    if (!on.checked || dialog.open || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest?.(fields)) return;
    const target = goes ? document.querySelector(`.contents a[data-key="${CSS.escape(event.key.toLowerCase())}"]`) : null;
    goes = !goes && event.key.toLowerCase() === "g";
    if (target) target.click();
    else if (event.key === "?") dialog.showModal();
    else if (event.key === "/") {
      const filter = document.querySelector("main input[type=search]");
      if (!filter) return;
      filter.select();
    } else return;
    event.preventDefault();
  });
}
