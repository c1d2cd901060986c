"use strict";
// Tabs, and the address: #tab/what/line, so that every place has a link.

/** Returns the address of a place. */
function link(...parts) {
  return `#${parts.map((part) => encodeURIComponent(part)).join("/")}`;
}

/** Goes to a place: a tab, and what its `show` takes. */
function go(...parts) {
  const address = link(...parts.filter((part) => part !== undefined && part !== ""));
  if (location.hash === address) route();
  else location.hash = address;
}

/** Shows the node of a graph that stems from a node of the model. */
function selectSource(name, level) {
  const order = level ? [level, ...graphTab.levels] : [graphTab.level, ...graphTab.levels];
  for (const wanted of order) {
    const nodes = DATA.graphs[wanted] ? DATA.graphs[wanted].nodes : [];
    const main = nodes.find((node) => node.sources[0] === name);
    const found = main || nodes.find((node) => node.sources.includes(name));
    if (found) {
      go("graph", wanted, found.id);
      return;
    }
  }
}

/** Shows the node of a graph that a line of a step is, or one that stems from `name`. */
function selectLine(step, line, name) {
  const level = graphTab.levels.find((other) => DATA.levels[other] === step);
  const found = level && DATA.graphs[level].nodes.find((node) => node.line === line);
  if (found) go("graph", level, found.id);
  else selectSource(name, level);
}

const graphTab = new GraphTab(new Details());
const makers = {
  graph: ["Network", () => graphTab],
  ir: ["IR", () => new IrTab()],
  diff: ["Difference", () => new DiffTab()],
  widths: ["Widths", () => new WidthsTab()],
  verilog: ["Verilog", () => new VerilogTab()],
};
const made = new Map();
const tabs = new Map();

function route() {
  const [wanted, ...rest] = location.hash.slice(1).split("/").map(decodeURIComponent);
  const name = wanted in makers ? wanted : "graph";
  if (!made.has(name)) {
    made.set(name, makers[name][1]());
    document.getElementById("main").append(made.get(name).element);
  }
  for (const [other, tab] of made) tab.element.hidden = other !== name;
  for (const [other, tab] of tabs) tab.setAttribute("aria-selected", other === name);
  made.get(name).show(...rest);
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  document.getElementById("theme").textContent = name === "dark" ? "light" : "dark";
}

document.getElementById("title").textContent = DATA.name;
for (const [name, [label]] of Object.entries(makers)) {
  const tab = el("a", { role: "tab", href: `#${name}`, textContent: label });
  tabs.set(name, tab);
  document.getElementById("tabs").append(tab);
}
if (DATA.predicted) {
  const { cycles_per_frame: cycles, latency_cycles: latency, bottleneck } = DATA.predicted;
  const facts = `${format(cycles)} cycles a frame · latency ${format(latency)} · slowest: ${bottleneck}`;
  document.getElementById("facts").textContent = facts;
}
document.getElementById("report").hidden = !DATA.report;
theme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
document.getElementById("theme").addEventListener("click", () =>
  theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
addEventListener("hashchange", route);
route();
document.documentElement.dataset.ready = "true";
