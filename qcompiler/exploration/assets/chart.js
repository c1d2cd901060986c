"use strict";
// The points on two axes, each front as a line. A canvas, as there may be ten thousand of them.

const COLOURS = ["--accent", "--matrix", "--window", "--join", "--requantize", "--other", "--layout", "--buffer"];
const MARGIN = { left: 74, right: 18, top: 12, bottom: 40 };

class Chart {
  constructor(canvas, tip, choose) {
    this.canvas = canvas;
    this.tip = tip;
    this.places = [];
    canvas.addEventListener("mousemove", (event) => this.hover(event));
    canvas.addEventListener("mouseleave", () => { this.tip.hidden = true; });
    canvas.addEventListener("click", (event) => {
      const found = this.near(event);
      if (found) choose(found);
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** `groups`: lists of points by name, each with a colour and a front of its own. */
  show(groups, x, y, logs, chosen) {
    Object.assign(this, { groups, x, y, logs, chosen });
    this.draw();
  }

  draw() {
    if (!this.groups) return;
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    this.colour = (name) => resolved(style.getPropertyValue(name).trim(), this.canvas);
    const all = [...this.groups.values()].flat();
    const across = new Axis(all.map((p) => p.measures[this.x]), this.logs.x, MARGIN.left, width - MARGIN.right);
    const up = new Axis(all.map((p) => p.measures[this.y]), this.logs.y, height - MARGIN.bottom, MARGIN.top);
    this.frame(pen, across, up, width, height);
    this.places = [];
    let number = 0;
    for (const points of this.groups.values()) {
      this.dots(pen, points, across, up, this.colour(COLOURS[number++ % COLOURS.length]));
    }
    this.mark(pen);
  }

  frame(pen, across, up, width, height) {
    pen.font = "11px system-ui, sans-serif";
    pen.strokeStyle = this.colour("--line");
    pen.fillStyle = this.colour("--dim");
    pen.lineWidth = 1;
    pen.textAlign = "center";
    for (const value of across.ticks()) {
      const at = Math.round(across.place(value)) + 0.5;
      line(pen, at, MARGIN.top, at, height - MARGIN.bottom);
      pen.fillText(brief(value), at, height - MARGIN.bottom + 15);
    }
    pen.textAlign = "right";
    for (const value of up.ticks()) {
      const at = Math.round(up.place(value)) + 0.5;
      line(pen, MARGIN.left, at, width - MARGIN.right, at);
      pen.fillText(brief(value), MARGIN.left - 6, at + 4);
    }
    pen.fillStyle = this.colour("--text");
    pen.textAlign = "center";
    pen.fillText(titled(this.x), (MARGIN.left + width - MARGIN.right) / 2, height - 8);
    pen.save();
    pen.translate(13, (MARGIN.top + height - MARGIN.bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(titled(this.y), 0, 0);
    pen.restore();
  }

  dots(pen, points, across, up, colour) {
    const front = frontOf(points, this.x, this.y);
    const best = new Set(front);
    pen.fillStyle = colour;
    pen.globalAlpha = points.length > 500 ? 0.3 : 0.55;
    for (const point of points) {
      const place = [across.place(point.measures[this.x]), up.place(point.measures[this.y]), point];
      this.places.push(place);
      if (!best.has(point)) dot(pen, place[0], place[1], 2.5);
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = colour;
    pen.lineWidth = 1.5;
    pen.beginPath();
    front.forEach((point, index) => {
      const [x, y] = [across.place(point.measures[this.x]), up.place(point.measures[this.y])];
      if (index) pen.lineTo(x, this.lastY);
      pen[index ? "lineTo" : "moveTo"](x, y);
      this.lastY = y;
    });
    pen.stroke();
    for (const point of front) dot(pen, across.place(point.measures[this.x]), up.place(point.measures[this.y]), 4);
  }

  mark(pen) {
    const place = this.places.find((entry) => entry[2] === this.chosen);
    if (!place) return;
    pen.strokeStyle = this.colour("--text");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(place[0], place[1], 8, 0, 2 * Math.PI);
    pen.stroke();
  }

  near(event) {
    let [found, least] = [null, 144];
    for (const [x, y, point] of this.places) {
      const far = (x - event.offsetX) ** 2 + (y - event.offsetY) ** 2;
      if (far < least) [found, least] = [point, far];
    }
    return found;
  }

  hover(event) {
    const found = this.near(event);
    this.tip.hidden = !found;
    this.canvas.style.cursor = found ? "pointer" : "default";
    if (!found) return;
    const numbers = [this.x, this.y].map((name) => `${name} ${shown(found.measures[name])} ${unit(name)}`);
    this.tip.textContent = [found.model, optionWords(found), ...numbers].join(" · ");
    const left = event.offsetX > this.canvas.clientWidth / 2;
    this.tip.style.left = left ? "" : `${event.offsetX + 14}px`;
    this.tip.style.right = left ? `${this.canvas.clientWidth - event.offsetX + 14}px` : "";
    this.tip.style.top = `${Math.min(event.offsetY + 10, this.canvas.clientHeight - 60)}px`;
  }
}

class Axis {
  constructor(values, log, from, to) {
    const known = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
    this.log = log && known.length > 0;
    let least = known.reduce((a, b) => Math.min(a, b), Infinity);
    let most = known.reduce((a, b) => Math.max(a, b), -Infinity);
    if (!known.length) [least, most] = [0, 1];
    [this.least, this.most] = [this.scaled(least), this.scaled(most)];
    const room = (this.most - this.least || 1) * 0.05;
    this.least -= room;
    this.most += room;
    [this.from, this.to] = [from, to];
  }

  scaled(value) { return this.log ? Math.log10(Math.max(value, 1e-12)) : value; }

  place(value) {
    return this.from + (this.scaled(value) - this.least) / (this.most - this.least) * (this.to - this.from);
  }

  ticks() {
    const span = this.most - this.least;
    if (this.log && span > 1) {
      const factors = span < 2 ? [1, 2, 5] : [1];
      const found = [];
      for (let power = Math.floor(this.least); power <= this.most; power++) {
        for (const factor of factors) found.push(factor * 10 ** power);
      }
      return found.filter((v) => this.scaled(v) >= this.least && this.scaled(v) <= this.most);
    }
    const [low, high] = this.log ? [10 ** this.least, 10 ** this.most] : [this.least, this.most];
    const rough = (high - low) / 6;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
    const found = [];
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(value);
    return found;
  }
}

function line(pen, x, y, toX, toY) {
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(toX, toY);
  pen.stroke();
}

function dot(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

/** Returns a number for an axis: 20k, 1.5M. */
function brief(value) {
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))}${letter}`;
  }
  return String(Number(value.toPrecision(3)));
}

/** Returns a colour as a canvas takes it: variables may hold light-dark(). */
function resolved(colour, element) {
  const probe = resolved.probe ??= element.parentNode.appendChild(document.createElement("i"));
  probe.style.color = colour;
  return getComputedStyle(probe).color;
}
