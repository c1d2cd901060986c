"use strict";
// Long texts: only the lines in sight are in the document, so that 100,000 of them scroll smoothly.

const ROW = 18; // pixels, as in the style

class LineList {
  /** @param render returns the element of a row; @param clicked is told the row that was clicked */
  constructor(render, clicked = () => {}) {
    this.rows = [];
    this.render = render;
    this.window = el("div", { className: "window" });
    this.space = el("div", { className: "space" }, this.window);
    this.element = el("div", { className: "lines", tabIndex: 0 }, this.space);
    this.element.addEventListener("scroll", () => this.draw());
    this.window.addEventListener("click", (event) => {
      const row = event.target.closest("[data-row]");
      if (row) clicked(this.rows[Number(row.dataset.row)], event);
    });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** Shows other rows; stays where it is. */
  show(rows) {
    this.rows = rows;
    this.space.style.height = `${rows.length * ROW}px`;
    this.draw();
  }

  /** Brings a row into sight. */
  reveal(index) {
    const { scrollTop, clientHeight } = this.element;
    const top = index * ROW;
    if (top < scrollTop || top > scrollTop + clientHeight - 3 * ROW) {
      this.element.scrollTop = Math.max(0, top - clientHeight / 3);
    }
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW) - 20);
    const count = Math.ceil(this.element.clientHeight / ROW) + 40;
    const shown = this.rows.slice(first, first + count).map((row, index) => {
      const made = this.render(row, first + index);
      made.dataset.row = first + index;
      return made;
    });
    this.window.style.transform = `translateY(${first * ROW}px)`;
    this.window.replaceChildren(...shown);
  }
}

const LOCATION = / loc\((?:unknown|"(?:[^"\\]|\\.)*"(?:\(unknown\))?|fused\[.*\])\)$/;
const NAME = /"((?:[^"\\]|\\.)*)"/g;

/** Returns a line of IR without its locations, and the source nodes in the last of them. */
function splitLocation(line) {
  const found = LOCATION.exec(line);
  const bare = (found ? line.slice(0, found.index) : line).replaceAll(" loc(unknown)", "");
  if (!found) return { bare, names: [] };
  return { bare, names: [...found[0].matchAll(NAME)].map((name) => unescapeName(name[1])) };
}

/** Returns a string of IR as text: `\22` is a quotation mark. */
function unescapeName(text) {
  return text.replace(/\\([0-9A-Fa-f]{2}|\\)/g, (_, code) =>
    code === "\\" ? "\\" : String.fromCharCode(parseInt(code, 16)),
  );
}

const IR_TOKENS = new RegExp(
  [
    /(?<comment>\/\/.*|\/\*.*?\*\/)/,
    /(?<string>"(?:[^"\\]|\\.)*")/,
    /(?<value>%[\w$.-]+(?:#\d+)?)/,
    /(?<symbol>@[\w$.-]+|\^[\w$.-]+)/,
    /(?<type>![\w.]+|\b(?:tensor|i\d+|f32|f64)\b)/,
    /(?<op>\b[a-z]\w*\.[a-z][\w.]*)/,
    /(?<number>-?\b\d[\d_]*(?:\.\d+)?(?:e[-+]?\d+)?\b)/,
    /(?<key>\b[a-z_]\w*(?= = ))/,
  ].map((part) => part.source).join("|"),
  "g",
);

const VERILOG_WORDS = [
  "module", "endmodule", "input", "output", "wire", "reg", "assign", "always", "posedge", "begin",
  "end", "if", "else", "initial", "signed", "case", "endcase", "default", "for", "integer",
  "localparam", "parameter", "function", "endfunction",
];
const VERILOG_TOKENS = new RegExp(
  [
    /(?<comment>\/\/.*|\/\*.*?\*\/|\(\*.*?\*\))/,
    /(?<string>"(?:[^"\\]|\\.)*")/,
    /(?<number>\b\d+'s?[bdho][\da-fA-FxXzZ_]+|\b\d+\b)/,
    /(?<op>\$\w+)/,
    new RegExp(`(?<type>\\b(?:${VERILOG_WORDS.join("|")})\\b)`),
  ].map((part) => part.source).join("|"),
  "g",
);

/** Returns nodes for a line with its tokens coloured, and what `needle` matches marked. */
function coloured(line, tokens, needle) {
  const parts = [];
  let end = 0;
  const add = (text, kind) => {
    for (const [piece, marked] of marks(text, needle)) {
      const className = [kind && `t-${kind}`, marked && "hit"].filter(Boolean).join(" ");
      parts.push(className ? el("span", { className, textContent: piece }) : piece);
    }
  };
  for (const found of line.matchAll(tokens)) {
    if (found.index > end) add(line.slice(end, found.index), "");
    add(found[0], Object.entries(found.groups).find(([, text]) => text !== undefined)[0]);
    end = found.index + found[0].length;
  }
  if (end < line.length) add(line.slice(end), "");
  return parts;
}

function* marks(text, needle) {
  if (!needle) {
    yield [text, false];
    return;
  }
  const lower = text.toLowerCase();
  let start = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, start)) {
    if (at > start) yield [text.slice(start, at), false];
    start = at + needle.length;
    yield [text.slice(at, start), true];
  }
  if (start < text.length) yield [text.slice(start), false];
}
