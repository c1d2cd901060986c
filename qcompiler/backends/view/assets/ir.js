"use strict";
// A text with folding and search, and the view of the IR after every pass.

class TextView {
  /** @param tokens how lines are coloured; @param located whether lines end in locations */
  constructor(tokens, located, clicked = () => {}) {
    Object.assign(this, { tokens, located, clicked });
    Object.assign(this, { lines: [], needle: "", hits: [], hit: -1, chosen: -1, sources: located });
    this.folded = new Set();
    this.list = new LineList((number) => this.row(number), (number, event) => this.click(number, event));
    this.input = el("input", { type: "search", placeholder: "Search", "aria-label": "Search" });
    this.count = el("span", { className: "count" });
    this.input.addEventListener("input", () => this.search(this.input.value));
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
    });
    this.tools = el("div", { className: "tools" }, this.input,
      button("‹", "previous match", () => this.step(-1)),
      button("›", "next match", () => this.step(1)), this.count,
      button("fold", "fold all regions", () => this.foldAll(true)),
      button("unfold", "unfold all regions", () => this.foldAll(false)));
    if (located) {
      this.tools.append(checkbox("source nodes", true, (on) => {
        this.sources = on;
        this.list.draw();
      }));
    }
    this.element = el("div", { className: "text" }, this.tools, this.list.element);
  }

  open(lines) {
    this.lines = lines;
    this.folded.clear();
    this.chosen = -1;
    this.regions = regionsOf(lines);
    this.list.element.scrollTop = 0;
    this.search(this.input.value, false);
  }

  /** Lays out the lines that no fold hides. */
  layout() {
    const rows = [];
    for (let number = 0; number < this.lines.length; number++) {
      rows.push(number);
      if (this.folded.has(number)) number = this.regions.get(number) - 1;
    }
    this.places = new Map(rows.map((number, index) => [number, index]));
    this.list.show(rows);
  }

  row(number) {
    const line = this.lines[number];
    const { bare } = this.located ? splitLocation(line) : { bare: line };
    const names = this.sources ? this.namesAt(number) : [];
    const fold = this.regions.has(number)
      ? el("span", { className: "fold", textContent: this.folded.has(number) ? "▸" : "▾" })
      : el("span", { className: "fold" });
    const gutter = el("span", { className: "gutter" },
      el("span", { className: "number", textContent: number + 1 }), fold);
    if (this.sources) gutter.append(names.length ? sourceChip(names) : el("span", { className: "chip none" }));
    const row = el("div", { className: "row" }, gutter,
      el("span", { className: "code" }, coloured(bare, this.tokens, this.needle)));
    if (this.folded.has(number)) row.append(el("span", { className: "dim", textContent: " … }" }));
    if (number === this.chosen) row.classList.add("chosen");
    return row;
  }

  /** Returns the nodes that a line comes from; those of a region stand where it begins, not ends. */
  namesAt(number) {
    const end = this.regions.get(number);
    if (end === undefined && this.lines[number].trimStart().startsWith("}")) return [];
    return splitLocation(this.lines[end === undefined ? number : end]).names;
  }

  click(number, event) {
    if (event.target.classList.contains("fold") && this.regions.has(number)) {
      if (!this.folded.delete(number)) this.folded.add(number);
      this.layout();
    } else {
      this.chosen = number;
      this.list.draw();
      this.clicked(number + 1, event);
    }
  }

  foldAll(on) {
    this.folded = new Set(on ? this.regions.keys() : []);
    if (on) this.folded.delete(0); // the module itself
    this.layout();
  }

  search(text, jump = true) {
    this.needle = text.toLowerCase();
    this.hits = [];
    if (this.needle) {
      this.lines.forEach((line, number) => {
        if (line.toLowerCase().includes(this.needle)) this.hits.push(number);
      });
    }
    this.hit = -1;
    this.layout();
    if (this.hits.length && jump) this.step(1);
    else this.countHits();
  }

  countHits() {
    this.count.textContent = this.needle ? `${this.hit + 1} of ${this.hits.length} lines` : "";
  }

  step(by) {
    if (!this.hits.length) return;
    this.hit = (this.hit + by + this.hits.length) % this.hits.length;
    this.countHits();
    this.reveal(this.hits[this.hit] + 1);
  }

  /** Brings a line, counted from 1, into sight, out of any fold. */
  reveal(line) {
    const number = line - 1;
    if (!(number >= 0 && number < this.lines.length)) return;
    for (const [start, end] of this.regions) {
      if (start < number && number < end) this.folded.delete(start);
    }
    this.layout();
    this.chosen = number;
    this.list.reveal(this.places.get(number));
  }
}

/** Returns the last line of the region that each line opens. */
function regionsOf(lines) {
  const regions = new Map();
  const open = [];
  lines.forEach((line, number) => {
    const bare = line.trim();
    if (/^(\}|endmodule|end\b)/.test(bare) && open.length) {
      const start = open.pop();
      if (number > start + 1) regions.set(start, number);
    }
    if (/(\{|\bbegin)$/.test(bare) || /^module /.test(bare)) open.push(number);
  });
  return regions;
}

/** Returns the mark at the end of a line that says which nodes it comes from. */
function sourceChip(names) {
  const known = NODES.get(names[0]);
  const kind = known && known.op_type ? `${known.op_type} ` : "";
  const more = names.length > 1 ? ` +${names.length - 1}` : "";
  const room = Math.max(8, 26 - kind.length - more.length);
  return el("span", {
    className: "chip",
    title: names.join("\n"),
    textContent: `${kind}${shorten(names[0], room)}${more}`,
  });
}

class IrTab {
  constructor() {
    this.steps = DATA.steps;
    this.list = el("ol", { className: "steps" });
    this.view = new TextView(IR_TOKENS, true, (line, event) => {
      if (event.target.classList.contains("chip")) {
        selectLine(this.current, line, event.target.title.split("\n")[0]);
      }
      else go("ir", this.steps[this.current].name, line);
    });
    this.summary = el("p", { className: "summary" });
    this.items = this.steps.map((step, index) => {
      const quiet = index > 0 && sameText(this.steps[index - 1], step);
      const item = el("li", { className: quiet ? "quiet" : "", title: step.summary },
        el("a", { href: `#ir/${step.name}`, textContent: step.label }),
        el("small", { textContent: quiet ? "no change" : `${format(step.lines.length)} lines` }));
      this.list.append(item);
      return item;
    });
    this.element = el("section", { className: "split" },
      el("aside", {}, el("h2", { textContent: "Passes" }), this.list),
      el("div", { className: "pane" }, this.summary, this.view.element));
    this.current = -1;
  }

  show(name, line) {
    const found = this.steps.findIndex((step) => step.name === name);
    const index = found >= 0 ? found : Math.max(0, this.current);
    if (index !== this.current) {
      this.current = index;
      this.view.open(linesOf(this.steps[index].lines));
      this.summary.textContent = this.steps[index].summary;
      this.items.forEach((item, i) => item.classList.toggle("active", i === index));
    }
    if (line) this.view.reveal(Number(line));
    this.view.list.draw();
  }
}

const OPTIONS = /,? ?qcompiler\.options = \{[^}]*\}/;

/** Whether two steps differ in nothing but locations and options noted for later passes. */
function sameText(a, b) {
  if (a.lines.length !== b.lines.length) return false;
  return a.lines.every((number, i) => {
    if (number === b.lines[i]) return true;
    const [x, y] = [number, b.lines[i]].map((n) => splitLocation(DATA.lines[n]).bare);
    return x.replace(OPTIONS, "") === y.replace(OPTIONS, "");
  });
}
