"use strict";
// Bits of every integer along the network, before and after the ranges were inferred.

class WidthsTab {
  constructor() {
    const { rows, inference } = DATA.widths;
    this.element = el("section", { className: "pane scroll" });
    if (!rows.length) {
      this.element.append(el("p", { className: "hint", textContent: "This design has no qint level." }));
      return;
    }
    const most = Math.max(...rows.map((row) => Math.max(row.types || 0, row.before ? row.before[0] : 0, row.after[0])));
    this.element.append(this.heading(rows, inference), this.legend(rows, inference));
    const chart = el("div", { className: "chart" });
    for (const row of rows) chart.append(...this.bars(row, most));
    this.element.append(chart);
  }

  show() {}

  heading(rows, inference) {
    const sum = (bits) => rows.reduce((total, row) => total + (bits(row) || 0), 0);
    const after = sum((row) => row.after[0]);
    const words = [`${rows.length} values, ${format(after)} bits after inference`];
    if (inference) words.push(`${format(sum((row) => (row.before || row.after)[0]))} before it`);
    const products = rows.filter((row) => row.types);
    if (products.length) {
      const [proven, types] = [(row) => row.after[0], (row) => row.types].map((bits) =>
        products.reduce((total, row) => total + bits(row), 0));
      words.push(`sums of products: ${format(proven)} with the actual weights, ${format(types)} by types alone`);
    }
    return el("p", { className: "summary", textContent: words.join(" · ") });
  }

  legend(rows, inference) {
    const known = [["after", "after infer-ranges"]];
    if (inference) known.push(["before", "before it"]);
    if (rows.some((row) => row.types)) known.push(["types", "any weights of the type"]);
    const made = known.map(([kind, text]) => el("span", { className: `key ${kind}`, textContent: text }));
    if (!inference) {
      made.push(el("span", { className: "dim", textContent: "compile with --print-ir-after all to compare with before" }));
    }
    return el("div", { className: "legend flat" }, made);
  }

  bars(row, most) {
    const bar = (kind, bits) => {
      const made = el("span", { className: `bar ${kind}` });
      made.style.width = `${(100 * bits) / most}%`;
      return made;
    };
    const name = el("a", { className: "label", href: "#", textContent: row.name, title: `${row.op}\n${row.source}` });
    name.addEventListener("click", (event) => {
      event.preventDefault();
      selectSource(row.source, "qint");
    });
    const before = row.before ? row.before[0] : null;
    const words = before !== null && before !== row.after[0] ? `${before} → ${row.after[0]}` : `${row.after[0]}`;
    const types = row.types && row.types !== row.after[0] ? ` of ${row.types}` : "";
    const title = [row.before && `before ${row.before[1]}`, `after ${row.after[1]}`].filter(Boolean).join("\n");
    return [
      name,
      el("span", { className: "kind", textContent: row.op.replace("qint.", "") }),
      el("span", { className: "bars", title }, row.types ? bar("types", row.types) : null,
        before === null ? null : bar("before", before), bar("after", row.after[0])),
      el("span", { className: "bits", textContent: `${words}${types}` }),
      el("span", { className: "range", textContent: row.after[1] }),
    ];
  }
}
