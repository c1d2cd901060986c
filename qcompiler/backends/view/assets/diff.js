"use strict";
// The difference between any two steps, line by line.

const MOST_EDITS = 3000; // beyond, the two have little in common
const CONTEXT = 3;

/** Returns the edits that make `b` of `a`, as rows [kind, line of a, line of b]; Myers 1986. */
function edits(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let [m, n] = [a.length, b.length];
  while (m > start && n > start && a[m - 1] === b[n - 1]) { m--; n--; }
  const rows = [];
  for (let i = 0; i < start; i++) rows.push(["=", i, i]);
  rows.push(...middle(a, b, start, m, n));
  for (let i = m; i < a.length; i++) rows.push(["=", i, n + i - m]);
  return rows;
}

function middle(a, b, start, aEnd, bEnd) {
  const [m, n] = [aEnd - start, bEnd - start];
  const most = Math.min(m + n, MOST_EDITS);
  const furthest = new Int32Array(2 * most + 3);
  const trace = [];
  for (let d = 0; d <= most; d++) {
    trace.push(furthest.slice(most - d, most + d + 3));
    for (let k = -d; k <= d; k += 2) {
      const at = most + 1 + k;
      const down = k === -d || (k !== d && furthest[at - 1] < furthest[at + 1]);
      let x = down ? furthest[at + 1] : furthest[at - 1] + 1;
      while (x < m && x - k < n && a[start + x] === b[start + x - k]) x++;
      furthest[at] = x;
      if (x >= m && x - k >= n) return backtrack(trace, start, m, n);
    }
  }
  const removed = Array.from({ length: m }, (_, i) => ["-", start + i, -1]);
  return removed.concat(Array.from({ length: n }, (_, i) => ["+", -1, start + i]));
}

function backtrack(trace, start, m, n) {
  const rows = [];
  let [x, y] = [m, n];
  for (let d = trace.length - 1; d >= 0; d--) {
    const furthest = trace[d]; // entry 0 is diagonal -d - 1
    const k = x - y;
    const at = k + d + 1;
    const down = k === -d || (k !== d && furthest[at - 1] < furthest[at + 1]);
    const before = d === 0 ? 0 : down ? furthest[at + 1] : furthest[at - 1];
    const beforeY = d === 0 ? 0 : before - (down ? k + 1 : k - 1);
    const [toX, toY] = d === 0 ? [0, 0] : down ? [before, beforeY + 1] : [before + 1, beforeY];
    while (x > toX && y > toY) rows.push(["=", start + --x, start + --y]);
    if (d > 0) rows.push(down ? ["+", -1, start + --y] : ["-", start + --x, -1]);
  }
  return rows.reverse();
}

class DiffTab {
  constructor() {
    const options = DATA.steps.map((step) => [step.name, step.label]);
    const names = options.map(([name]) => name);
    const place = firstChange(DATA.steps);
    [this.from, this.to] = [names[Math.max(place - 1, 0)], names[place]];
    this.plain = true;
    this.left = choice(options, this.from, (name) => go("diff", name, this.to), "from");
    this.right = choice(options, this.to, (name) => go("diff", this.from, name), "to");
    this.count = el("span", { className: "count" });
    this.list = new LineList((row) => this.row(row), (row) => this.click(row));
    this.element = el("section", { className: "pane" },
      el("div", { className: "tools" }, "from", this.left, "to", this.right,
        button("‹", "the pass before", () => this.move(-1)),
        button("›", "the pass after", () => this.move(1)),
        checkbox("source nodes, too", false, (on) => { this.plain = !on; this.refresh(); }),
        this.count),
      this.list.element);
  }

  show(from, to) {
    const known = (name) => DATA.steps.some((step) => step.name === name);
    if (known(from)) this.from = from;
    if (known(to)) this.to = to;
    this.refresh();
  }

  move(by) {
    const names = DATA.steps.map((step) => step.name);
    const at = names.indexOf(this.to) + by;
    if (at >= 1 && at < names.length) go("diff", names[at - 1], names[at]);
  }

  refresh() {
    [this.left.value, this.right.value] = [this.from, this.to];
    const texts = [this.from, this.to].map((name) =>
      linesOf(DATA.steps.find((step) => step.name === name).lines).map((line) =>
        this.plain ? splitLocation(line).bare.replace(OPTIONS, "") : line));
    this.texts = texts;
    this.all = pairUp(edits(texts[0], texts[1]));
    const counts = ["-", "+"].map((kind) => this.all.filter((row) => row.kind === kind).length);
    this.count.textContent =
      counts[0] + counts[1] ? `${counts[0]} lines less, ${counts[1]} more` : "no difference";
    this.open = new Set();
    this.layout();
    this.list.element.scrollTop = 0;
    this.list.draw();
  }

  /** Hides what is equal, but for some lines around differences. */
  layout() {
    const near = new Uint8Array(this.all.length);
    this.all.forEach((row, i) => {
      if (row.kind !== "=") near.fill(1, Math.max(0, i - CONTEXT), i + CONTEXT + 1);
    });
    const rows = [];
    for (let i = 0; i < this.all.length; i++) {
      if (near[i]) { rows.push(this.all[i]); continue; }
      let end = i;
      while (end < this.all.length && !near[end]) end++;
      if (this.open.has(i)) rows.push(...this.all.slice(i, end));
      else rows.push({ kind: "gap", start: i, count: end - i });
      i = end - 1;
    }
    this.list.show(rows);
  }

  click(row) {
    if (row.kind !== "gap") return;
    this.open.add(row.start);
    this.layout();
  }

  row(row) {
    if (row.kind === "gap") {
      return el("div", { className: "row gap", textContent: `⋯ ${row.count} equal lines` });
    }
    const [text, other] = row.kind === "+"
      ? [this.texts[1][row.b], this.texts[0][row.partner]]
      : [this.texts[0][row.a], this.texts[1][row.partner]];
    const side = (number) =>
      el("span", { className: "number", textContent: number >= 0 ? number + 1 : " " });
    const code = el("span", { className: "code" });
    if (other === undefined) code.append(...coloured(text, IR_TOKENS, ""));
    else code.append(...changed(text, other));
    return el("div", { className: `row d${{ "=": "same", "-": "less", "+": "more" }[row.kind]}` },
      el("span", { className: "gutter" }, side(row.a), side(row.b),
        el("span", { className: "fold", textContent: row.kind === "=" ? " " : row.kind })), code);
  }
}

/** Returns the first step that is not as the one before it; the second if all are alike. */
function firstChange(steps) {
  const found = steps.findIndex((step, i) => i > 0 && !sameText(steps[i - 1], step));
  return Math.min(Math.max(found, 1), steps.length - 1);
}

/** Makes objects of rows; lines that were replaced one by one are partners. */
function pairUp(rows) {
  const found = rows.map(([kind, a, b]) => ({ kind, a, b }));
  for (let i = 0; i < found.length; i++) {
    if (found[i].kind !== "-" && found[i].kind !== "+") continue;
    let end = i;
    while (end < found.length && found[end].kind !== "=") end++;
    const less = found.slice(i, end).filter((row) => row.kind === "-");
    const more = found.slice(i, end).filter((row) => row.kind === "+");
    found.splice(i, end - i, ...less, ...more);
    if (less.length === more.length) {
      less.forEach((row, j) => { row.partner = more[j].b; more[j].partner = row.a; });
    }
    i = end;
  }
  return found;
}

/** Returns a line in which what differs from `other` is marked. */
function changed(text, other) {
  let start = 0;
  while (start < text.length && text[start] === other[start]) start++;
  let [end, otherEnd] = [text.length, other.length];
  while (end > start && otherEnd > start && text[end - 1] === other[otherEnd - 1]) { end--; otherEnd--; }
  return [
    ...coloured(text.slice(0, start), IR_TOKENS, ""),
    el("mark", {}, ...coloured(text.slice(start, end), IR_TOKENS, "")),
    ...coloured(text.slice(end), IR_TOKENS, ""),
  ];
}
