"use strict";
// Filters, axes and what is chosen; the chart and the table follow.

const state = { hidden: new Map(), bounds: [], front: false, chosen: null };
const MANY = 24;
const PROPERTIES = [
  ["state", (p) => p.state], ["model", (p) => p.model],
  ...DATA.options.map((name, at) => [name, (p) => p.options[at] || "(none)"]),
];
const plottable = MEASURES.filter((name) => POINTS.some((p) => isGood(p) && name in p.measures));
const axes = {
  x: plottable.includes("luts") ? "luts" : plottable[0],
  y: plottable.includes("rate") ? "rate" : plottable[1] ?? plottable[0],
  colour: PROPERTIES.some(([name]) => name === "--device") ? "--device" : "model",
  logX: true, logY: true,
};

function passes(point) {
  for (const [name, value] of PROPERTIES) {
    if (state.hidden.get(name)?.has(value(point))) return false;
  }
  for (const { value: number, least, most } of state.bounds) {
    const value = number(point);
    if ((least !== null || most !== null) && value === undefined) return false;
    if (least !== null && value < least) return false;
    if (most !== null && value > most) return false;
  }
  return !state.front || point.best;
}

function update() {
  const points = POINTS.filter(passes);
  const property = PROPERTIES.find(([name]) => name === axes.colour)[1];
  const groups = new Map();
  for (const point of points) {
    if (!isGood(point) || !(axes.x in point.measures) || !(axes.y in point.measures)) continue;
    const group = property(point);
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(point);
  }
  const sorted = new Map([...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1)));
  if (plottable.length) chart.show(sorted, axes.x, axes.y, { x: axes.logX, y: axes.logY }, state.chosen);
  legend(sorted);
  table.show(points, state.chosen);
}

function legend(groups) {
  const names = [...groups.keys()];
  document.getElementById("legend").replaceChildren(...names.map((name, number) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    for (const [key, value] of Object.entries({ cx: 5, cy: 5, r: 5 })) circle.setAttribute(key, value);
    circle.style.fill = `var(${COLOURS[number % COLOURS.length]})`;
    svg.append(circle);
    return el("span", { className: "key" }, svg, `${name} (${groups.get(name).length.toLocaleString("en-US")})`);
  }));
}

function choose(point) {
  state.chosen = point;
  showDetails(point);
  update();
}

function select(label, options, value, changed) {
  const made = el("select", { "aria-label": label }, options.map((name) => el("option", { value: name, textContent: name })));
  made.value = value;
  made.addEventListener("change", () => { changed(made.value); update(); });
  return el("label", {}, `${label} `, made);
}

function check(label, checked, changed) {
  const box = el("input", { type: "checkbox", checked });
  box.addEventListener("change", () => { changed(box.checked); update(); });
  return el("label", {}, box, ` ${label}`);
}

function buildAxes() {
  document.getElementById("axes").replaceChildren(
    select("across", plottable, axes.x, (name) => { axes.x = name; }),
    check("log", axes.logX, (on) => { axes.logX = on; }),
    select("up", plottable, axes.y, (name) => { axes.y = name; }),
    check("log", axes.logY, (on) => { axes.logY = on; }),
    select("colour", PROPERTIES.map(([name]) => name), axes.colour, (name) => { axes.colour = name; }),
    check("front only", false, (on) => { state.front = on; }),
  );
}

/** Returns the fields for the least and the most that a number may be. */
function bounds(name, value) {
  const range = { value, least: null, most: null };
  state.bounds.push(range);
  const field = (side, hint) => {
    const made = el("input", { type: "number", placeholder: hint, "aria-label": `${hint} ${name}` });
    made.addEventListener("input", () => {
      range[side] = made.value === "" ? null : Number(made.value);
      update();
    });
    return made;
  };
  return [el("div", { className: "bounds" }, field("least", "at least"), field("most", "at most"))];
}

function buildFilters() {
  const parts = [];
  for (const [name, value] of PROPERTIES) {
    const found = new Map();
    for (const point of POINTS) found.set(value(point), (found.get(value(point)) ?? 0) + 1);
    if (found.size < 2) continue;
    const hidden = new Set();
    state.hidden.set(name, hidden);
    const numeric = [...found.keys()].every((key) => key !== "" && !isNaN(key));
    if (numeric && found.size > MANY) {
      const inside = (point) => Number(value(point));
      parts.push(el("h2", { textContent: name }), ...bounds(name, inside));
      continue;
    }
    const keys = [...found.keys()].sort((a, b) => (numeric ? a - b : a < b ? -1 : 1));
    parts.push(el("h2", { textContent: name }), ...keys.map((key) => {
      const box = el("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => {
        hidden[box.checked ? "delete" : "add"](key);
        update();
      });
      return el("label", { className: "choice" }, box, key, el("span", { textContent: found.get(key).toLocaleString("en-US") }));
    }));
  }
  for (const name of plottable) {
    parts.push(el("h2", { textContent: titled(name) }), ...bounds(name, (point) => point.measures[name]));
  }
  document.getElementById("filters").replaceChildren(...parts);
}

const chart = new Chart(document.getElementById("chart"), document.getElementById("tip"), choose);
const table = new Table(choose);
document.getElementById("title").textContent = DATA.name;
document.getElementById("facts").textContent = DATA.states
  .map((name) => `${POINTS.filter((p) => p.state === name).length.toLocaleString("en-US")} ${name}`).join(", ");
buildAxes();
buildFilters();
showDetails(null);
update();
document.documentElement.dataset.ready = "";
