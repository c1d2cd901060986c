"use strict";
// What is known of the node that was clicked, and what it became.

class Details {
  constructor() {
    this.element = el("aside", { className: "details" });
    this.show("", null);
  }

  show(level, node) {
    if (!node) {
      this.element.replaceChildren(el("p", { className: "hint",
        textContent: "Click a node: types, ranges, scales, folding, and the lines it became." }));
      return;
    }
    const where = { head: "host, before the hardware", tail: "host, after the hardware" }[node.part];
    const parts = [el("h2", { textContent: node.op }), el("p", { className: "name", textContent: node.name })];
    if (where) parts.push(el("p", { className: "dim", textContent: where }));
    parts.push(...this.rows("Cost", Object.entries(node.metrics).map(([kind, value]) =>
      [METRICS[kind] || kind, format(value)])));
    parts.push(...this.rows("Takes", node.ins));
    parts.push(...this.rows("Makes", node.outs.map((type) => ["", type])));
    parts.push(...this.rows("Parameters", node.attributes));
    if (node.line) parts.push(el("h3", { textContent: "Here" }), this.irLink(level, node.line));
    parts.push(...this.sources(node, level));
    this.element.replaceChildren(...parts);
    this.element.scrollTop = 0;
  }

  rows(title, pairs) {
    if (!pairs.length) return [];
    const table = el("dl");
    for (const [name, value] of pairs) {
      if (name) table.append(el("dt", { textContent: name }));
      table.append(el("dd", { className: name ? "" : "alone", textContent: value }));
    }
    return [el("h3", { textContent: title }), table];
  }

  /** Returns the nodes of the model that it comes from, and what those became. */
  sources(node, level) {
    const known = node.sources.map((name) => NODES.get(name)).filter((found) => found);
    if (!known.length) return [];
    const parts = [el("h3", { textContent: "Comes from" })];
    const list = el("ul");
    for (const source of known) {
      const kind = source.op_type ? `ONNX ${source.op_type}` : "tensor";
      list.append(el("li", {}, el("b", { textContent: kind }), ` ${source.name}`));
    }
    parts.push(list, ...this.became(known[0], level));
    return parts;
  }

  became(source, level) {
    const parts = [];
    for (const [other, lines] of Object.entries(source.ir)) {
      const step = DATA.levels[other];
      if (other === level || step === null || step === undefined) continue;
      parts.push(el("li", {}, `${other}: `, ...lines.slice(0, 12).map((line) => this.irLink(other, line))));
    }
    const found = [el("h3", { textContent: "The same at other levels" }), el("ul", { className: "links" }, parts)];
    if (!source.verilog.length) {
      const where = { host: "It runs on the host: see driver/.", unused: "Nothing needs it." };
      const words = where[source.place] || "It has no Verilog of its own.";
      return [...found, el("p", { className: "dim", textContent: words })];
    }
    const verilog = source.verilog.map(([file, first, last]) => el("li", {},
      el("a", { href: link("verilog", file.replace("rtl/", ""), first),
        textContent: `${file}:${first}–${last}` })));
    return [...found, el("h3", { textContent: "Verilog" }), el("ul", { className: "links" }, verilog)];
  }

  irLink(level, line) {
    const step = DATA.levels[level];
    if (step === null || step === undefined) return el("span");
    return el("a", { className: "ir", href: link("ir", DATA.steps[step].name, line),
      textContent: `${level}:${line}` });
  }
}
