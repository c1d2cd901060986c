"use strict";
// The data, and small helpers. Text of the model reaches the page as text nodes only.

const DATA = JSON.parse(document.getElementById("data").textContent);

/** Returns an element; `props` are properties, or attributes if their names have a dash. */
function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Returns an SVG element with attributes. */
function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Returns the lines of a step or file, which the data keeps as numbers of a common table. */
function linesOf(numbers) {
  return numbers.map((number) => DATA.lines[number]);
}

const format = (number) => number.toLocaleString("en-US");

/** Returns `text` cut to `length` characters in its middle, which names need least. */
function shorten(text, length) {
  if (text.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
}

/** Returns a select with options [value, label]; calls `changed` with the value chosen. */
function choice(options, chosen, changed, label) {
  const made = el("select", { "aria-label": label });
  for (const [value, text] of options) made.append(el("option", { value, textContent: text }));
  made.value = chosen;
  made.addEventListener("change", () => changed(made.value));
  return made;
}

/** Returns a check box with its label; calls `changed` with its state. */
function checkbox(text, checked, changed) {
  const box = el("input", { type: "checkbox", checked });
  box.addEventListener("change", () => changed(box.checked));
  return el("label", { className: "check" }, box, text);
}

/** Returns a button. */
function button(text, title, clicked) {
  const made = el("button", { type: "button", textContent: text, title });
  made.addEventListener("click", clicked);
  return made;
}

/** Nodes of the model by name, as the map has them. */
const NODES = new Map(DATA.map.nodes.map((node) => [node.name, node]));
