"use strict";
// The network at one level, laid out in layers by dagre.

const LEVEL_NAMES = { nn: "nn: the model", qint: "qint: integers", stream: "stream: processes" };
const NODE = { height: 44, least: 96, most: 236, character: 6.6 };
const LABELS_UP_TO = 160; // nodes; beyond, types of edges would be too small to read

/** What nodes may be coloured by, with the unit. */
const METRICS = {
  cycles: "cycles a frame", latency: "cycles of latency", width: "bits of the result", multipliers: "multipliers",
  "memory bits": "bits of memory", LUT: "LUTs", FF: "flip-flops", BRAM: "block RAMs", DSP: "DSPs",
};

class GraphTab {
  constructor(details) {
    this.details = details;
    this.levels = Object.keys(DATA.graphs);
    this.level = this.levels.includes("stream") ? "stream" : this.levels[0];
    this.metric = this.level === "stream" ? "cycles" : "";
    this.drawn = new Map();
    this.selected = null;
    this.scale = 1;
    this.canvas = svg("svg", { class: "graph", role: "img", tabindex: "0" });
    this.legend = el("div", { className: "legend" });
    this.tools = el("div", { className: "tools" });
    this.stage = el("div", { className: "stage" }, this.canvas, this.legend);
    this.element = el("section", { className: "pane" }, this.tools,
      el("div", { className: "beside" }, this.stage, details.element));
    this.listen();
    new ResizeObserver(() => { if (!this.moved) this.fit(); }).observe(this.stage);
  }

  get graph() { return DATA.graphs[this.level]; }

  listen() {
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
    }, { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => {
      this.drag = { x: event.clientX, y: event.clientY, far: 0 };
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.drag || !event.buttons) return;
      const [dx, dy] = [event.clientX - this.drag.x, event.clientY - this.drag.y];
      this.drag.far += Math.abs(dx) + Math.abs(dy);
      Object.assign(this.drag, { x: event.clientX, y: event.clientY });
      if (this.drag.far < 4) return;
      this.moved = true;
      this.x += dx;
      this.y += dy;
      this.place();
    });
    this.canvas.addEventListener("click", (event) => {
      if (this.drag && this.drag.far >= 4) return;
      const shape = event.target.closest("[data-id]");
      if (shape) go("graph", this.level, shape.dataset.id);
    });
  }

  show(level, id) {
    if (this.levels.includes(level) && level !== this.level) {
      this.level = level;
      const kinds = this.kinds();
      if (!kinds.includes(this.metric)) this.metric = kinds.includes("cycles") ? "cycles" : "";
      this.moved = false;
    }
    this.selected = id === undefined || id === "" ? null : this.graph.nodes[Number(id)] || null;
    this.bar();
    this.draw();
    this.details.show(this.level, this.selected);
    if (this.selected) this.centre(this.selected);
  }

  kinds() {
    const found = new Set(this.graph.nodes.flatMap((node) => Object.keys(node.metrics)));
    return Object.keys(METRICS).filter((kind) => found.has(kind));
  }

  bar() {
    const levels = this.levels.map((level) => {
      const made = button(LEVEL_NAMES[level], `show the level ${level}`, () => go("graph", level));
      made.classList.toggle("active", level === this.level);
      return made;
    });
    const kinds = [["", "kind"], ...this.kinds().map((kind) => [kind, METRICS[kind]])];
    this.find = el("input", { type: "search", placeholder: "Find a node", "aria-label": "Find a node" });
    this.find.addEventListener("input", () => this.highlight());
    this.find.addEventListener("keydown", (event) => {
      const first = event.key === "Enter" && this.canvas.querySelector(".node.found");
      if (first) this.centre(this.graph.nodes[Number(first.dataset.id)]);
    });
    this.tools.replaceChildren(el("span", { className: "group" }, levels), this.find, "colour",
      choice(kinds, this.metric, (kind) => { this.metric = kind; this.paint(); }, "colour by"),
      button("+", "closer", () => this.zoom(1.3)), button("−", "farther", () => this.zoom(1 / 1.3)),
      button("fit", "the whole network", () => this.fit()),
      el("span", { className: "count", textContent: `${this.graph.nodes.length} nodes` }));
  }

  draw() {
    if (!this.drawn.has(this.level)) this.drawn.set(this.level, drawGraph(this.graph));
    this.current = this.drawn.get(this.level);
    this.canvas.replaceChildren(this.current.group);
    this.canvas.setAttribute("aria-label", `the network at the level ${this.level}`);
    this.paint();
    this.highlight();
    if (!this.moved) this.fit();
    else this.place();
  }

  /** Colours nodes by kind or by a metric, from the smallest to the largest value. */
  paint() {
    const values = this.graph.nodes.map((node) => node.metrics[this.metric]);
    const known = values.filter((value) => value !== undefined);
    const top = Math.max(1, ...known);
    this.graph.nodes.forEach((node, i) => {
      const shape = this.current.shapes[i];
      const value = values[i];
      shape.classList.toggle("measured", value !== undefined);
      if (value !== undefined) shape.style.setProperty("--heat", heat(value / top));
      const words = value === undefined ? "" : ` · ${format(value)}`;
      shape.querySelector(".metric").textContent = words;
    });
    const least = known.length ? Math.min(...known) : 0;
    this.legend.replaceChildren(...(this.metric
      ? [METRICS[this.metric], el("span", { textContent: format(least) }),
        el("span", { className: "ramp" }), el("span", { textContent: format(top) })]
      : kindsOf(this.graph.nodes).map((kind) => el("span", { className: `swatch k-${kind}`, textContent: kind }))));
  }

  /** Marks the selected node, those of the same source, and what is looked for. */
  highlight() {
    const wanted = this.find.value.toLowerCase();
    const sources = new Set(this.selected ? this.selected.sources.slice(0, 1) : []);
    this.graph.nodes.forEach((node, i) => {
      const { classList } = this.current.shapes[i];
      const words = [node.name, node.op, ...node.sources].join(" ").toLowerCase();
      classList.toggle("selected", node === this.selected);
      classList.toggle("related", node !== this.selected && node.sources.some((s) => sources.has(s)));
      classList.toggle("found", wanted !== "" && words.includes(wanted));
      classList.toggle("faint", wanted !== "" && !words.includes(wanted));
    });
  }

  place() {
    this.current.group.setAttribute("transform", `translate(${this.x},${this.y}) scale(${this.scale})`);
  }

  fit() {
    if (!this.current) return;
    const { clientWidth, clientHeight } = this.stage;
    const { width, height } = this.current;
    // A long network is shown from its top at a size that can be read.
    const whole = Math.min(clientWidth / (width + 40), clientHeight / (height + 40), 1.2);
    this.scale = Math.max(whole, Math.min(0.95, clientWidth / (width + 40)));
    this.x = (clientWidth - width * this.scale) / 2;
    this.y = Math.max(16, (clientHeight - height * this.scale) / 2);
    this.moved = false;
    this.place();
  }

  zoom(factor, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
    const scale = Math.min(4, Math.max(0.03, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.moved = true;
    this.place();
  }

  /** Brings a node into sight, if it is not. */
  centre(node) {
    const at = this.current.places[node.id];
    const { clientWidth, clientHeight } = this.stage;
    const [x, y] = [this.x + at.x * this.scale, this.y + at.y * this.scale];
    if (x > 40 && x < clientWidth - 40 && y > 30 && y < clientHeight - 30) return;
    this.x += clientWidth / 2 - x;
    this.y += clientHeight / 2 - y;
    this.moved = true;
    this.place();
  }
}

/** Returns the share of the warm colour, in percent: differences of small values show, too. */
function heat(share) {
  return `${Math.round(100 * Math.sqrt(share))}%`;
}

const KINDS = [
  ["matrix", /conv|matmul|mvau|vvau|gemm/], ["requantize", /quant|scale|shift|threshold|table|affine/],
  ["window", /pool|sliding|mean/], ["buffer", /fifo|width_adapter|duplicate/],
  ["join", /\.(add|sub|mul|div|join|concat)$/],
  ["layout", /reshape|transpose|reorder|slice|pad|split|resize|depth/], ["port", /^(input|output)$/],
];

/** Returns which kind of operation a node is. */
function kindOf(node) {
  const found = KINDS.find(([, pattern]) => pattern.test(node.op));
  return found ? found[0] : "other";
}

function kindsOf(nodes) {
  return [...new Set(nodes.map(kindOf))];
}

/** Returns the graph as SVG, its shapes and places by node, and its size. */
function drawGraph(graph) {
  const layout = new dagre.graphlib.Graph({ multigraph: true });
  layout.setGraph({ rankdir: "TB", nodesep: 26, ranksep: 34, edgesep: 14, marginx: 8, marginy: 8 });
  layout.setDefaultEdgeLabel(() => ({}));
  const labelled = graph.nodes.length <= LABELS_UP_TO;
  for (const node of graph.nodes) {
    const letters = Math.max(label(node).length, shortOp(node.op).length + 8);
    const width = Math.min(NODE.most, Math.max(NODE.least, 22 + letters * NODE.character));
    layout.setNode(String(node.id), { width, height: NODE.height });
  }
  graph.edges.forEach(([from, to, type], i) => {
    const size = labelled ? { width: type.length * 5.6 + 10, height: 12, labelpos: "r" } : {};
    layout.setEdge(String(from), String(to), size, String(i));
  });
  dagre.layout(layout);
  const group = svg("g");
  graph.edges.forEach(([from, to, type], i) => {
    const edge = layout.edge({ v: String(from), w: String(to), name: String(i) });
    group.append(svg("path", { class: "edge", d: curve(edge.points) }));
    group.append(arrow(edge.points));
    if (labelled) {
      const text = svg("text", { class: "type", x: edge.x - edge.width / 2 + 8, y: edge.y + 4 });
      text.textContent = type;
      group.append(text);
    }
  });
  const places = graph.nodes.map((node) => layout.node(String(node.id)));
  const shapes = graph.nodes.map((node, i) => drawNode(node, places[i]));
  group.append(...shapes);
  const { width, height } = layout.graph();
  return { group, shapes, places, width, height };
}

/** Returns a node's name without the kind of process at its end, which stands above it. */
function label(node) {
  const kind = shortOp(node.op);
  return node.name.replace(new RegExp(`_${kind}(?=(_\\d+)?$)`), "");
}

const shortOp = (op) => op.replace(/^(nn|qint|stream)\./, "");

function drawNode(node, at) {
  const [x, y] = [at.x - at.width / 2, at.y - at.height / 2];
  const host = node.part === "head" || node.part === "tail" ? " host" : "";
  const title = svg("title");
  title.textContent = [`${node.op} ${node.name}`, ...node.sources].join("\n");
  const kind = svg("text", { class: "op", x: x + 10, y: y + 17 });
  const metric = svg("tspan", { class: "metric" });
  kind.append(shortOp(node.op), metric);
  const name = svg("text", { class: "name", x: x + 10, y: y + 34 });
  name.textContent = shorten(label(node), Math.floor((at.width - 22) / NODE.character));
  return svg("g", { class: `node k-${kindOf(node)}${host}`, "data-id": node.id },
    title, svg("rect", { x, y, width: at.width, height: at.height, rx: 6 }),
    svg("rect", { class: "band", x, y, width: 4, height: at.height, rx: 2 }), kind, name);
}

/** Returns a smooth path through points. */
function curve(points) {
  const [first, ...rest] = points;
  let path = `M${first.x},${first.y}`;
  for (let i = 0; i < rest.length - 1; i++) {
    const [a, b] = [rest[i], rest[i + 1]];
    const end = i === rest.length - 2 ? b : { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    path += `Q${a.x},${a.y} ${end.x},${end.y}`;
  }
  if (rest.length === 1) path += `L${rest[0].x},${rest[0].y}`;
  return path;
}

function arrow(points) {
  const [before, end] = points.slice(-2);
  const angle = (Math.atan2(end.y - before.y, end.x - before.x) * 180) / Math.PI;
  return svg("path", { class: "arrow", d: "M0,0L-7,-3.5L-7,3.5Z",
    transform: `translate(${end.x},${end.y}) rotate(${angle})` });
}
