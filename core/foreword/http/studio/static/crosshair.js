// The crosshair of charts: arrow keys and the pointer move it from point to point, and what it meets is said.
"use strict";

{
  const svg = "http://www.w3.org/2000/svg";
  const spoken = document.getElementById("reading");
  const charts = () => [...document.querySelectorAll("svg[data-stops]")];
  const stopsOf = (chart) => JSON.parse(chart.dataset.stops);
  let held = null; // the place of the crosshair: which chart of the page, and how far from its left in per cent

  const part = (name, attributes) => {
    const made = document.createElementNS(svg, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  const readoutOf = (chart) => {
    const found = chart.closest("figure")?.querySelector(".readout");
    if (found) return found;
    const made = document.createElement("p");
    made.className = "readout";
    chart.closest(".plate").after(made);
    return made;
  };

  const clear = () => {
    for (const cross of document.querySelectorAll(".chart .crosshair")) cross.remove();
  };

  const nearest = (stops, at) => stops.reduce(
    (best, stop, index) => (Math.abs(parseFloat(stop[0]) - at) < Math.abs(parseFloat(stops[best][0]) - at) ? index : best), 0);

  const draw = (chart, [x, name, values]) => {
    clear();
    const cross = part("g", { class: "crosshair", "aria-hidden": "true" });
    cross.append(part("line", { class: "cross", x1: x, x2: x, y1: "-6", y2: "100%" }));
    for (const [, , y] of values) cross.append(part("circle", { class: "cross", cx: x, cy: y, r: "4" }));
    chart.append(cross);
    const readout = readoutOf(chart);
    const place = document.createElement("b");
    place.textContent = name;
    readout.replaceChildren(place, ...values.map(([what, value]) => {
      const said = document.createElement("span");
      said.textContent = `${what} ${value}`;
      return said;
    }));
    return `${name}: ${values.map(([what, value]) => `${what} ${value}`).join(", ")}`;
  };

  const move = (chart, index) => {
    const stops = stopsOf(chart);
    const stop = stops[Math.max(0, Math.min(stops.length - 1, index))];
    held = { chart: charts().indexOf(chart), at: parseFloat(stop[0]) };
    return draw(chart, stop);
  };

  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

  document.addEventListener("keydown", (event) => {
    const chart = event.target;
    if (!chart.matches?.("svg[data-stops]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      held = null;
      clear();
    } else if (event.key in steps) {
      event.preventDefault();
      const stops = stopsOf(chart);
      const here = held?.chart === charts().indexOf(chart) ? nearest(stops, held.at) : event.key === "ArrowLeft" ? stops.length : -1;
      spoken.textContent = move(chart, here + steps[event.key]);
    }
  });

  document.addEventListener("pointermove", (event) => {
    const chart = event.target.closest?.("svg[data-stops]");
    if (!chart) return;
    const box = chart.getBoundingClientRect();
    move(chart, nearest(stopsOf(chart), (100 * (event.clientX - box.left)) / box.width));
  });

  // A chart that has grown is drawn anew: the crosshair stays where it was.
  document.addEventListener("htmx:after:swap", () => {
    const chart = held && charts()[held.chart];
    if (chart) draw(chart, stopsOf(chart)[nearest(stopsOf(chart), held.at)]);
  });
}
