"use strict";
// The points as a table, a page at a time, and one of them in detail.

const PAGE_ROWS = 100;

const optionWords = (point) =>
  DATA.options.map((name, at) => point.options[at] && `${name} ${point.options[at]}`)
    .filter(Boolean).join(", ");

class Table {
  constructor(choose) {
    this.choose = choose;
    this.order = { name: "rate", sign: -1 };
    this.page = 0;
  }

  columns() {
    const options = DATA.options.map((name, at) => [name, (p) => p.options[at]]);
    const numbers = MEASURES.map((name) => [name, (p) => p.measures[name]]);
    return [["model", (p) => p.model], ...options, ...numbers, ["state", (p) => p.fault || p.state]];
  }

  show(points, chosen) {
    this.points = points;
    this.chosen = chosen;
    this.render();
  }

  sorted() {
    const [, value] = this.columns().find(([name]) => name === this.order.name) ?? this.columns()[0];
    const number = (text) => (text === "" || isNaN(text) ? text : Number(text));
    const keyed = this.points.map((point) => [number(value(point)), point]);
    keyed.sort(([a], [b]) => {
      if (a === b) return 0;
      if (a === undefined) return 1;
      if (b === undefined) return -1;
      return (typeof a === typeof b ? (a < b ? -1 : 1) : typeof a === "number" ? -1 : 1) * this.order.sign;
    });
    return keyed.map(([, point]) => point);
  }

  render() {
    const pages = Math.max(1, Math.ceil(this.points.length / PAGE_ROWS));
    this.page = Math.min(this.page, pages - 1);
    const rows = this.sorted().slice(this.page * PAGE_ROWS, (this.page + 1) * PAGE_ROWS);
    const table = document.getElementById("table");
    table.replaceChildren(this.head(), el("tbody", {}, rows.map((point) => this.row(point))));
    const turn = (text, title, page) => el("button", {
      type: "button", textContent: text, title, disabled: page < 0 || page >= pages,
      onclick: () => { this.page = page; this.render(); },
    });
    document.getElementById("pager").replaceChildren(
      el("span", { textContent: `${this.points.length.toLocaleString("en-US")} points` }),
      turn("‹", "the page before", this.page - 1),
      el("span", { textContent: `page ${this.page + 1} of ${pages}` }),
      turn("›", "the next page", this.page + 1),
    );
  }

  head() {
    const cells = this.columns().map(([name]) => {
      const arrow = this.order.name === name ? (this.order.sign > 0 ? " ↑" : " ↓") : "";
      const title = MEASURES.includes(name) ? titled(name) : name;
      const button = el("button", { type: "button", textContent: title + arrow, onclick: () => {
        const sign = this.order.name === name ? -this.order.sign : 1;
        this.order = { name, sign };
        this.page = 0;
        this.render();
      } });
      return el("th", { scope: "col" }, button);
    });
    return el("thead", {}, el("tr", {}, cells));
  }

  row(point) {
    const cells = this.columns().map(([name, value]) => {
      const found = value(point);
      const number = MEASURES.includes(name);
      return el("td", { className: number ? "number" : "", textContent: number ? shown(found) : found });
    });
    const marks = [point.best && "front", !isGood(point) && "bad", point === this.chosen && "chosen"];
    return el("tr", { className: marks.filter(Boolean).join(" "), onclick: () => this.choose(point) }, cells);
  }
}

/** Shows one point: its options, its numbers, the command line that makes it. */
function showDetails(point) {
  const place = document.getElementById("details");
  if (!point) {
    place.replaceChildren(el("h2", { textContent: "a point" }), el("p", { textContent: "Choose a point in the chart or the table: its command line is shown here." }));
    return;
  }
  const pairs = [
    ["model", point.model], ["state", point.fault ? `${point.state}, ${point.fault}` : point.state],
    ...DATA.options.map((name, at) => [name, point.options[at]]),
    ...MEASURES.map((name) => [name, name in point.measures ? `${shown(point.measures[name])} ${unit(name)}` : ""]),
    ["steps", point.steps], ["machine", point.host], ["key", point.key],
  ].filter(([, value]) => value);
  const copy = el("button", { type: "button", textContent: "Copy", onclick: () => navigator.clipboard?.writeText(point.command) });
  place.replaceChildren(
    el("h2", { textContent: "command line" }), el("pre", { id: "command", textContent: point.command }), copy,
    el("h2", { textContent: point.best ? "a point of the front" : "a point" }),
    el("dl", {}, pairs.map(([name, value]) => [el("dt", { textContent: name }), el("dd", { textContent: value })])),
    point.log && [el("h2", { textContent: "last words" }), el("pre", { textContent: point.log })],
  );
}
