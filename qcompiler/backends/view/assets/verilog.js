"use strict";
// The Verilog, and for each line what it comes from.

class VerilogTab {
  constructor() {
    // As in the map, which follows the network; the top module, which is its last, first.
    const order = Object.keys(DATA.map.verilog).map((file) => file.replace("rtl/", "")).reverse();
    const [top, ...rest] = order;
    this.files = [top, ...rest.reverse()].filter((file) => file in DATA.verilog);
    this.list = el("ol", { className: "steps" });
    this.items = this.files.map((file) => {
      const item = el("li", { title: file }, el("a", { href: link("verilog", file), textContent: this.label(file, top) }),
        el("small", { textContent: `${format(DATA.verilog[file].length)} lines` }));
      this.list.append(item);
      return item;
    });
    const missing = Object.keys(DATA.map.verilog).length - this.files.length;
    if (missing > 0) {
      const words = `${missing} large files are left out of this page; they are in rtl/.`;
      this.list.append(el("li", { className: "dim", textContent: words }));
    }
    this.view = new TextView(VERILOG_TOKENS, false, (line) => go("verilog", this.current, line));
    this.origin = el("p", { className: "summary" });
    this.element = el("section", { className: "split" },
      el("aside", {}, el("h2", { textContent: "Files" }), this.list),
      el("div", { className: "pane" }, this.origin, this.view.element));
  }

  /** Returns a file's name without the design's, which all begin with. */
  label(file, top) {
    const prefix = `${top.replace(/\.v$/, "")}_`;
    return shorten(file.startsWith(prefix) ? file.slice(prefix.length) : file, 32);
  }

  show(file, line) {
    const fallback = this.current || this.files[0];
    const name = this.files.includes(file) ? file : fallback;
    if (!name) return;
    if (name !== this.current) {
      this.current = name;
      this.view.open(linesOf(DATA.verilog[name]));
      this.items.forEach((item, i) => item.classList.toggle("active", this.files[i] === name));
    }
    if (line) this.view.reveal(Number(line));
    this.explain(Number(line) || 1);
    this.view.list.draw();
  }

  /** Says what a line comes from: node, IR, and the process. */
  explain(line) {
    const entry = DATA.map.verilog[`rtl/${this.current}`];
    if (!entry) return;
    const run = entry.lines.find(([first, last]) => first <= line && line <= last);
    const names = ((run && run[3]) || entry.nodes).map((index) => DATA.map.nodes[index].name);
    const parts = [`line ${line} `];
    if (names.length) {
      const chip = sourceChip(names);
      chip.addEventListener("click", () => selectSource(names[0]));
      parts.push("comes from ", chip);
    } else {
      parts.push(entry.nodes.length ? "" : "is shared by several layers, or connects them");
    }
    const { stream, rtl } = DATA.levels;
    if (entry.stream && stream !== null && stream !== undefined) {
      parts.push(" · ", el("a", { href: link("ir", DATA.steps[stream].name, entry.stream), textContent: `stream:${entry.stream}` }));
    }
    if (run && rtl !== null && rtl !== undefined) {
      parts.push(" · ", el("a", { href: link("ir", DATA.steps[rtl].name, run[2]), textContent: `rtl:${run[2]}` }));
    }
    this.origin.replaceChildren(...parts);
  }
}
