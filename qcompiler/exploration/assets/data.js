"use strict";
// The data, and small helpers. Text of models and files reaches the page as text nodes only.

const DATA = JSON.parse(document.getElementById("data").textContent);
const MEASURES = DATA.columns.filter((name) => name in DATA.measures);
const text = (number) => DATA.texts[number];

const POINTS = DATA.rows.map((row, index) => {
  const [state, model, fault, best, options, numbers, command, log, steps, host, key] = row;
  const measures = {};
  DATA.columns.forEach((name, at) => { if (numbers[at] !== null) measures[name] = numbers[at]; });
  return {
    index, state: text(state), model: text(model), fault: text(fault), best: best === 1,
    options: options.map(text), measures, command, log: text(log), steps: text(steps),
    host: text(host), key,
  };
});

/** Whether a point is a design that works. */
const isGood = (point) => point.state === "done" && point.fault === "" && "rate" in point.measures;

/** Returns an element; `props` are properties, or attributes if their names have a dash. */
function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** Returns a number as people read it. */
function shown(value) {
  if (value === undefined || value === null) return "–";
  if (value === 0 || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return Number(value.toPrecision(4)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}

const unit = (name) => DATA.measures[name][0];
const direction = (name) => DATA.measures[name][1];
const titled = (name) => `${name} (${unit(name)})`;

/** Returns the points of a front by two measures: nothing is better in both. Sorted by the first. */
function frontOf(points, x, y) {
  const [signX, signY] = [direction(x), direction(y)];
  const sorted = points.filter((p) => isGood(p) && x in p.measures && y in p.measures);
  sorted.sort((a, b) =>
    signX * (a.measures[x] - b.measures[x]) || signY * (a.measures[y] - b.measures[y]));
  let least = Infinity;
  return sorted.filter((point) => {
    const value = signY * point.measures[y];
    if (value >= least) return false;
    least = value;
    return true;
  });
}
