"use strict";
// The page: reads the sizes from sliders, has every shape computed, and shows it in the graph, the ladder and the table.
const page = JSON.parse(document.getElementById("data").textContent);
const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const grouped = n => (n === null ? "?" : String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ","));

// A list of names and texts.
const described = lines => {
  const list = document.createElement("dl");
  for (const [name, value] of lines) {
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    list.append(term, text);
  }
  return list;
};

// No picture is made smaller than this to fit the window's height: its texts are to be read.
const READABLE = 0.55;

// One network with its pictures; a page has one, or two to be compared.
class Panel {
  constructor(element, given, program) {
    Object.assign(this, given, { element, program, place: new Map() });
    this.data.layers.forEach((layer, i) => this.place.set(layer.name, i));
    this.sizes = { ...this.start };
    this.graphs = $$("figure.graph", element).map((figure, i) => ({
      figure, boxes: this.views[i].boxes, arrows: this.views[i].arrows,
      nodes: $$("[data-box]", figure), labels: $$("[data-arrow]", figure), whole: this.views[i].whole,
    }));
    this.rungs = $$("[data-rung]", element);
    this.bars = $$("[data-cost]", element);
    this.rows = $$("tbody tr", element);
    this.marks = new Set();
    this.first = true;
    this.chosen = this.module = null;
    for (const graph of this.graphs) graph.nodes.forEach((node, i) =>
      this.clickable(node, () => (graph.boxes[i].closed ? this.chooseModule(graph.boxes[i]) : this.choose(graph.boxes[i].layers[0]))));
    this.rungs.forEach((node, i) => this.clickable(node, () => this.choose(this.ladder.rungs[i].layers[0])));
    this.rows.forEach((row, i) => row.addEventListener("click", () => this.choose(i)));
    for (const button of $$("button[data-layer]", element))
      button.addEventListener("click", () => this.choose(Number(button.dataset.layer)));
    for (const button of $$("button[data-zoom]", element))
      button.addEventListener("click", () => this.zoom(button.dataset.zoom));
    this.depth = $("select.depth", element);
    if (this.depth) this.depth.addEventListener("change", () => this.open(Number(this.depth.value)));
    for (const graph of this.graphs) this.movable(graph.figure);
    this.search = $("input.search", element);
    this.search.addEventListener("input", () => this.find(false));
    this.search.addEventListener("keydown", event => { if (event.key === "Enter") this.find(true); });
    for (const button of $$("button[data-save]", element))
      button.addEventListener("click", () => this.save(button.dataset.save));
    for (const svg of $$("svg", element)) svg.setAttribute("role", "group");  // what is in it can be reached
    this.show();
  }

  // Show the graph with other modules closed.
  open(view) {
    if (this.depth) this.depth.value = view;
    this.graphs.forEach((graph, i) => { graph.figure.hidden = i !== view; });
    this.zoom("fit");
  }

  clickable(node, choose) {
    node.setAttribute("tabindex", "0");
    node.setAttribute("role", "button");
    node.setAttribute("aria-label", $("title", node).textContent);
    node.addEventListener("click", choose);
    node.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose();
    });
  }

  // The wheel makes a graph larger and smaller around the pointer; a drag moves it.
  movable(figure) {
    figure.addEventListener("wheel", event => {
      event.preventDefault();
      const svg = $("svg", figure), before = svg.getBoundingClientRect(), frame = figure.getBoundingClientRect();
      const x = (event.clientX - before.left) / before.width, y = (event.clientY - before.top) / before.height;
      this.zoom(event.deltaY < 0 ? "in" : "out", figure);
      const after = svg.getBoundingClientRect();
      figure.scrollLeft += after.left + x * after.width - event.clientX;
      figure.scrollTop += after.top + y * after.height - event.clientY;
    }, { passive: false });
    let from = null, moved = false;
    figure.addEventListener("pointerdown", event => {
      if (event.button || event.pointerType === "touch") return;
      from = [event.clientX + figure.scrollLeft, event.clientY + figure.scrollTop];
      moved = false;
    });
    window.addEventListener("pointermove", event => {
      if (!from) return;
      const x = from[0] - event.clientX, y = from[1] - event.clientY;
      moved = moved || Math.hypot(x - figure.scrollLeft, y - figure.scrollTop) > 4;
      if (moved) [figure.scrollLeft, figure.scrollTop] = [x, y];
    });
    window.addEventListener("pointerup", () => { from = null; });
    figure.addEventListener("click", event => { if (moved) event.stopPropagation(); moved = false; }, true);
  }

  // Show which layers a text names; with the Enter key, choose one after the other.
  find(next) {
    const text = this.search.value.trim().toLowerCase();
    const found = this.data.layers.map((layer, i) => i).filter(i => {
      const { name, kind } = this.data.layers[i];
      return text && (name.toLowerCase().includes(text) || kind.toLowerCase().includes(text));
    });
    this.rows.forEach((row, i) => { row.hidden = text !== "" && !found.includes(i); });
    for (const graph of this.graphs) graph.nodes.forEach((node, i) =>
      node.classList.toggle("cs-found", graph.boxes[i].layers.some(place => found.includes(place))));
    if (!next || !found.length) return;
    const after = found.find(i => this.chosen !== null && i > this.chosen);
    this.choose(after === undefined ? found[0] : after);
    this.reveal();
  }

  // Save the graph as it is shown, as SVG or as PNG.
  save(form) {
    const svg = $("svg", this.graphs.find(graph => !graph.figure.hidden).figure);
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const copy = svg.cloneNode(true);
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    for (const node of $$(".cs-chosen,.cs-found", copy)) node.classList.remove("cs-chosen", "cs-found");
    const text = new XMLSerializer().serializeToString(copy), name = document.title.replace(/[^\w.-]+/g, "_");
    const link = document.createElement("a");
    link.download = `${name}.${form}`;
    const url = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    if (form === "svg") { link.href = url; link.click(); return; }
    const picture = new Image();
    picture.onload = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [width * 2, height * 2];
      const brush = canvas.getContext("2d");
      brush.fillStyle = "#fff";
      brush.fillRect(0, 0, canvas.width, canvas.height);
      brush.drawImage(picture, 0, 0, canvas.width, canvas.height);
      link.href = canvas.toDataURL("image/png");
      link.click();
    };
    picture.src = url;
  }

  heading(box) {
    if (box.closed) return `${box.closed}: ${box.layers.length} layers`;
    const { name } = this.data.layers[box.layers[0]];
    return `${name}: ${this.about[name]}`;
  }

  choose(index) {
    this.chosen = index;
    this.module = null;
    this.detail();
  }

  // Choose a closed module: what it costs, and what is in it.
  chooseModule(box) {
    this.chosen = null;
    this.module = box;
    this.detail();
  }

  set(label, value) {
    const unknown = this.data.axes[label] || label;
    if (this.data.unknowns.includes(unknown)) this.sizes[unknown] = value;
  }

  show() {
    this.now = judged(this.program, this.data, this.sizes);
    const { layers, findings } = this.now;
    const said = new Map();
    for (const found of findings.filter(f => f.layer >= 0))
      said.set(found.layer, [...(said.get(found.layer) || []), `${found.code} ${found.message}`]);
    this.said = said;
    for (const graph of this.graphs) this.showGraph(graph);
    this.rows.forEach((row, i) => this.showRow(row, layers[i], i));
    this.showLadder();
    this.showVerdict();
    this.detail();
    this.first = false;
  }

  showGraph(graph) {
    graph.nodes.forEach((node, i) => {
      const box = graph.boxes[i];
      const wrong = box.layers.filter(place => this.said.has(place));
      const fails = box.layers.some(place => this.now.layers[place].fails);
      node.classList.toggle("cs-fails", fails);
      node.classList.toggle("cs-absent", box.layers.every(place => this.now.layers[place].absent));
      const shapes = [...new Set(box.tensors.map(place => this.now.layers[place].shape))].join(" / ");
      const sign = fails ? "✗ " : wrong.length ? "? " : "→ ";
      const sentence = wrong.map(place => this.said.get(place).join(". ")).join(". ");
      const drawn = sentence !== "" && sentence === box.sentence;  // there is room for the sentence that was drawn
      const codes = drawn ? "" : wrong.map(place => this.said.get(place).map(s => " " + s.split(" ")[0]).join("")).join("");
      $(".cs-shape", node).textContent = sign + shapes + codes;
      for (const line of $$(".cs-said.cs-bad", node)) line.style.display = drawn ? "" : "none";
      const label = `${this.heading(box)}, output ${shapes}${sentence ? ". " + sentence : ""}`;
      node.setAttribute("aria-label", label);
      $("title", node).textContent = label;
    });
    const whole = findings => findings.filter(f => f.layer < 0).map(f => `${f.code} ${f.message}`).join();
    for (const line of $$("svg > .cs-said", graph.figure)) line.style.display = whole(this.now.findings) === graph.whole ? "" : "none";
    for (const node of graph.labels) {
      const tensor = graph.arrows[Number(node.dataset.arrow)];
      const place = this.place.get(tensor);
      node.textContent = place === undefined ? this.now.tensors[tensor] : this.now.layers[place].shape;
    }
  }

  showRow(row, layer, i) {
    const cells = row.cells;
    cells[2].textContent = layer.shape;
    layer.costs.forEach((n, k) => { cells[3 + k].textContent = grouped(n); });
    cells[6].textContent = this.said.has(i) ? (layer.fails ? "✗ fails" : "? not known") : "";
    cells[7].textContent = layer.formula;
    row.classList.toggle("fails", layer.fails);
    row.classList.toggle("absent", Boolean(layer.absent));
  }

  showLadder() {
    const { rungs, scale, foot, top, high } = this.ladder;
    const sums = [0, 1, 2].map(k => rungs.map(rung => {
      const own = rung.layers.map(place => this.now.layers[place].costs[k]);
      return own.includes(null) ? null : own.reduce((a, b) => a + b, 0n);
    }));
    this.rungs.forEach((node, i) => {
      const layer = this.now.layers[rungs[i].tensors[0]];
      const all = layer.sizes || [], channels = this.channels < 0 ? all.length - 1 : 0;
      const spatial = all.filter((_, axis) => axis !== channels).map(Number);
      const known = layer.sizes !== null && Number(all[channels]) > 0 && spatial.every(n => n > 0);
      const level = known && spatial.length ? spatial.reduce((sum, n) => sum + Math.log2(n), 0) / spatial.length : 0;
      const bar = $("rect", node);
      const height = 6 + Math.min(level, top) * scale;
      bar.setAttribute("height", height.toFixed(1));
      bar.setAttribute("y", (foot - height).toFixed(1));
      const fails = rungs[i].layers.some(place => this.now.layers[place].fails);
      node.classList.toggle("cs-fails", fails);
      node.classList.toggle("cs-dim", !known);
      const sign = $(".cs-sign", node), opaque = node.classList.contains("cs-opaque");
      sign.textContent = fails ? "✗" : layer.absent ? "–" : !known ? "?" : opaque ? "▨" : "";
      sign.setAttribute("y", (foot - height - 5).toFixed(1));
      const label = `${this.heading(rungs[i])}, ${layer.shape}${fails ? ", fails" : ""}`;
      node.setAttribute("aria-label", label);
      $("title", node).textContent = label;
    });
    for (const bar of this.bars) {
      const [k, i] = bar.dataset.cost.split(".").map(Number);
      const known = sums[k].filter(n => n !== null);
      const most = known.reduce((a, b) => (b > a ? b : a), 0n);
      const height = sums[k][i] && most ? Math.max(1, Number((sums[k][i] * 1000n) / most) / 1000 * high) : 0;
      const bottom = Number(bar.dataset.foot);
      bar.setAttribute("height", height.toFixed(1));
      bar.setAttribute("y", (bottom - height).toFixed(1));
    }
    $$("[data-total]", this.element).forEach((node, k) => {
      const known = sums[k].filter(n => n !== null);
      const most = known.reduce((a, b) => (b > a ? b : a), 0n);
      const total = this.now.costs[k];
      node.textContent = `${node.dataset.total}: ` + (total === null ? "?" : `${grouped(total)} in all, ${grouped(most)} at most in one box`);
    });
  }

  showVerdict() {
    const { verdict, findings, costs, layers } = this.now;
    const outputs = this.data.outputs.map(tensor => {
      const place = this.place.get(tensor);
      return place === undefined ? this.now.tensors[tensor] : layers[place].shape;
    });
    const output = (outputs.length > 1 ? "the outputs are " : "the output is ") + outputs.join(", ");
    const input = this.data.inputs.map(name => layers[this.place.get(name)].shape).join(", ");
    const count = findings.filter(f => f.decides).length;
    const words = { valid: `✓ valid: ${output}`, unknown: "? not known for this size",
      invalid: `✗ invalid: ${count} failure${count > 1 ? "s" : ""}` };
    const mark = $(".verdict", this.element);
    mark.textContent = words[verdict];
    mark.className = `verdict ${verdict}`;
    $(".findings", this.element).replaceChildren(...findings.map(found => {
      const item = document.createElement("li");
      const layer = found.layer < 0 ? "" : this.data.layers[found.layer].name;
      const said = document.createElement(layer ? "button" : "span");
      said.textContent = `${layer ? layer + ": " : ""}${found.code} ${found.message}`;
      if (layer) said.addEventListener("click", () => this.choose(found.layer));
      item.append(said);
      return item;
    }));
    $(".totals", this.element).textContent = [input === "?" ? "" : `input ${input}   `,
      ["params", "macs", "activations"].map((name, k) => `${name} ${grouped(costs[k])}`).join("   "),
      ...this.data.goals.map((text, k) => `\n${text}: ${grouped(this.now.goals[k])}`)].join("");
  }

  detail() {
    const target = $(".detail", this.element), { chosen, module } = this;
    target.hidden = chosen === null && !module;
    this.element.classList.toggle("open", !target.hidden);
    for (const graph of this.graphs) graph.nodes.forEach((node, i) =>
      node.classList.toggle("cs-chosen", graph.boxes[i] === module || graph.boxes[i].layers.includes(chosen)));
    this.rows.forEach((row, i) => row.classList.toggle("chosen", i === chosen));
    if (target.hidden) return;
    const heading = document.createElement("h3");
    heading.textContent = module ? module.closed : this.data.layers[chosen].name;
    const close = document.createElement("button");
    close.className = "close";
    close.textContent = "×";
    close.setAttribute("aria-label", "close");
    close.addEventListener("click", () => this.choose(null));
    target.replaceChildren(close, heading, described(module ? this.aboutModule(module) : this.aboutLayer(chosen)),
      ...(module ? this.inside(module) : []));
  }

  aboutLayer(chosen) {
    const layer = this.data.layers[chosen], now = this.now.layers[chosen];
    const lines = [["operator", this.about[layer.name] || layer.kind], ["output", now.shape]];
    for (const name of this.holes[layer.name] || []) lines.push([name, this.sizes[name]]);
    if (now.formula) lines.push(["formula", now.formula]);
    ["params", "macs", "activations"].forEach((name, k) => lines.push([name, grouped(now.costs[k])]));
    if (layer.source) lines.push(["source", layer.source]);
    for (const sentence of this.said.get(chosen) || []) lines.push([now.fails ? "✗ fails" : "? not known", sentence]);
    return lines;
  }

  aboutModule(box) {
    const costs = box.layers.map(place => this.now.layers[place].costs);
    const shapes = [...new Set(box.tensors.map(place => this.now.layers[place].shape))].join(" / ");
    const lines = [["layers", box.layers.length], ["output", shapes]];
    ["params", "macs", "activations"].forEach((name, k) => {
      const own = costs.map(one => one[k]);
      lines.push([name, grouped(own.includes(null) ? null : own.reduce((a, b) => a + b, 0n))]);
    });
    return lines;
  }

  // The layers of a closed module, and a way to open it.
  inside(box) {
    const now = this.graphs.findIndex(graph => !graph.figure.hidden), list = document.createElement("ul");
    list.className = "inside";
    for (const place of box.layers) {
      const item = document.createElement("li"), layer = document.createElement("button");
      layer.type = "button";
      layer.textContent = `${this.data.layers[place].name}: ${this.now.layers[place].shape}`;
      layer.addEventListener("click", () => this.choose(place));
      item.append(layer);
      list.append(item);
    }
    const open = document.createElement("button");
    open.type = "button";
    open.className = "open-module";
    open.textContent = "open one level";
    open.addEventListener("click", () => {
      this.open(now + 1);
      this.choose(box.layers[0]);
      this.reveal();
    });
    return [open, list];
  }

  // Bring the chosen box into view.
  reveal() {
    const node = $(".cs-chosen", this.graphs.find(graph => !graph.figure.hidden).figure);
    if (node) node.scrollIntoView({ block: "center", inline: "center" });
  }

  zoom(how, only = null) {
    for (const { figure } of this.graphs) {
      if (figure.hidden || (only && figure !== only)) continue;
      const svg = $("svg", figure), [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
      const now = svg.getBoundingClientRect().width || width;
      const wide = figure.clientWidth / width, high = (window.innerHeight * 0.8) / height;
      const fit = Math.min(1, Math.max(Math.min(wide, high), Math.min(wide, READABLE)));
      const factor = how === "fit" ? fit : how === "full" ? 1 : (now / width) * (how === "in" ? 1.25 : 0.8);
      svg.setAttribute("width", width * factor);
      svg.setAttribute("height", height * factor);
    }
  }
}

// A control for one open size or parameter: slider and number field, or a list, and which of its values are valid.
class Control {
  constructor(element, control, panels) {
    Object.assign(this, control, { element, panels });
    this.slider = $("input[type=range]", element);
    this.field = $("input[type=number]", element);
    this.list = $("select", element);
    this.canvas = $("canvas", element);
    this.input = this.list || this.slider;
    this.atFirst = this.size = this.input.value;
    this.first = Number(this.slider ? this.slider.min : 0);
    this.options = this.values || Array.from({ length: Number(this.slider.max) - this.first + 1 }, (_, i) => this.first + i);
    this.leads = this.leading && new Set(this.leading);
    this.input.addEventListener("input", () => this.set(this.input.value));
    if (this.field) {
      this.field.addEventListener("input", () => { if (this.field.checkValidity() && this.field.value) this.set(this.field.value); });
      this.field.addEventListener("change", () => { this.field.reportValidity(); this.field.value = this.size; });
      new ResizeObserver(() => this.draw()).observe(this.canvas);
    }
    for (const button of $$("button[data-next]", element))
      button.addEventListener("click", () => this.next(Number(button.dataset.next)));
    this.begin();
  }

  // Go to the nearest valid value that is smaller or larger.
  next(way) {
    const now = Number(this.size), until = performance.now() + 2000;
    const beyond = this.options.map((value, i) => [Math.abs(value - now), i, value])
      .filter(([, , value]) => (way < 0 ? value < now : value > now)).sort((a, b) => a[0] - b[0]);
    for (const [, i, value] of beyond) {
      if (this.judge(i) === 1) { this.set(value); return; }
      if (performance.now() > until) return;
    }
  }

  set(value) {
    this.put(value);
    for (const panel of this.panels) panel.show();
    judgeAll();
  }

  // Take a value without showing what it does.
  put(value) {
    this.size = String(value);
    this.input.value = value;
    if (this.field && this.field.value !== this.size) this.field.value = value;
    for (const panel of this.panels) for (const label of this.labels) panel.set(label, Number(value));
  }

  // Whether a value is valid with the others as they are: 1, 0, or -1 where it is not known.
  verdict(value) {
    const { program, data, sizes } = this.panels[0];
    const name = data.axes[this.labels[0]] || this.labels[0];
    if (!program.region) {
      const { verdict } = judged(program, data, { ...sizes, [name]: value });
      return { valid: 1, invalid: 0, unknown: -1 }[verdict];
    }
    const at = data.unknowns.map(unknown => BigInt(sizes[unknown])), own = data.unknowns.indexOf(name);
    at[own] = BigInt(value);
    return (program.region.whole || program.region.each[own])(at);
  }

  // Forget what was known of all values.
  begin() {
    this.verdicts = new Array(this.options.length);
    this.known = 0;
  }

  judge(i) {
    if (this.verdicts[i] === undefined) {
      this.verdicts[i] = this.verdict(this.options[i]);
      this.known += 1;
    }
    return this.verdicts[i];
  }

  // Judge values until a moment; return whether all are.
  work(until) {
    for (let i = 0; i < this.options.length && this.known < this.options.length; i++) {
      this.judge(i);
      if (i % 16 === 15 && performance.now() > until) break;
    }
    this.mark();
    return this.known === this.options.length;
  }

  // Say which values are valid: as signs in a list, as a strip under a slider.
  mark() {
    const signs = this.options.map((_, i) => ({ 1: "+", 0: "-", "-1": "?" })[this.verdicts[i]] || " ");
    this.input.dataset.verdicts = signs.join("");
    const here = this.verdict(this.size), words = { 1: "valid", 0: "not valid", "-1": "not known" }[here];
    if (this.slider) this.slider.setAttribute("aria-valuetext", `${this.size}, ${words}`);
    this.element.classList.toggle("wrong", here === 0);
    if (this.list) [...this.list.options].forEach((option, i) => {
      const none = this.leads && !this.leads.has(this.options[i]);
      const sign = none ? " –" : { "-": " ✗", "?": " ?" }[signs[i]] || "";
      if (option.textContent !== `${this.options[i]}${sign}`) option.textContent = `${this.options[i]}${sign}`;
    });
    this.draw();
  }

  // The strip, in the device's own pixels: the middle of a value's part is where the thumb stands. Where several values
  // share a pixel, it is as high as their share that is valid.
  draw() {
    const { canvas } = this;
    if (!canvas || !canvas.clientWidth) return;
    const ratio = window.devicePixelRatio || 1, width = Math.round(canvas.clientWidth * ratio), high = Math.round(8 * ratio);
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== high) canvas.height = high;
    const columns = shares(this.verdicts, width, THUMB * ratio), low = Math.round(3 * ratio);
    const style = getComputedStyle(document.documentElement), brush = canvas.getContext("2d");
    const colour = name => style.getPropertyValue(name);
    brush.clearRect(0, 0, width, high);
    columns.forEach(({ valid, invalid, open }, x) => {
      const all = valid + invalid + open;
      if (invalid || open) {
        brush.fillStyle = colour(invalid ? "--bad" : "--line");
        brush.fillRect(x, high - low, 1, low);
      }
      if (!valid) return;
      brush.fillStyle = colour("--good");
      const part = valid === all ? high : low + Math.max(1, Math.round(((high - low) * valid) / all));
      brush.fillRect(x, high - part, 1, part - (valid === all ? 0 : low));
    });
  }
}

// How wide the thumb of a slider is: its middle is half of that away from the ends.
const THUMB = 16;

// For each pixel of a strip, how many of the values that stand there are valid, not valid, or not known.
function shares(verdicts, width, thumb) {
  const last = verdicts.length - 1, room = width - thumb;
  const columns = Array.from({ length: width }, () => ({ valid: 0, invalid: 0, open: 0 }));
  const count = (column, verdict) => { column[verdict === 1 ? "valid" : verdict === 0 ? "invalid" : "open"] += 1; };
  const place = i => thumb / 2 + (last ? (i / last) * room : room / 2);
  const taken = new Set();
  for (let i = 0; i <= last; i++) {
    const x = Math.min(width - 1, Math.floor(place(i)));
    count(columns[x], verdicts[i]);
    taken.add(x);
  }
  columns.forEach((column, x) => {
    if (taken.has(x)) return;  // the value whose place is nearest
    const i = last && room > 0 ? Math.round(((x + 0.5 - thumb / 2) / room) * last) : 0;
    if (i >= 0 && i <= last) count(column, verdicts[i]);
  });
  return columns;
}

const panels = page.panels.map((panel, i) => new Panel($$(".panel")[i], panel, programs[i]));
const controls = page.controls.map((control, i) =>
  new Control($(`[data-control="${i}"]`), control, control.panels.map(one => panels[one])));

// Judge every value of every control, those of the short lists first, a little at a time: the page stays quick.
let turn = 0;
function judgeAll() {
  for (const control of controls) control.begin();
  const waiting = [...controls].sort((a, b) => a.options.length - b.options.length), own = ++turn;
  const step = () => {
    if (own !== turn) return;
    const until = performance.now() + 12;
    while (waiting.length && performance.now() < until) if (waiting[0].work(until)) waiting.shift();
    if (waiting.length) setTimeout(step);
  };
  for (const control of controls) if (control.panels[0].program.region) { control.work(Infinity); }
  step();
}

const back = $("button.back");
if (back) back.addEventListener("click", () => {
  for (const control of controls) control.put(control.atFirst);
  for (const panel of panels) panel.show();
  judgeAll();
});
judgeAll();
panels.forEach(panel => panel.zoom("fit"));
document.addEventListener("keydown", event => { if (event.key === "Escape") panels.forEach(panel => panel.choose(null)); });
