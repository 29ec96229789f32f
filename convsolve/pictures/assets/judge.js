"use strict";
// Integer arithmetic as Python does it: division and remainder round down. All numbers are BigInt, so none is rounded.
const mod = (a, b) => ((a % b) + b) % b;
const div = (a, b) => (a - mod(a, b)) / b;
const min = (...a) => a.reduce((x, y) => (y < x ? y : x));
const max = (...a) => a.reduce((x, y) => (y > x ? y : x));

// What a network does with inputs of some sizes: shapes, costs and findings. The rules are those of convsolve's check:
// where a requirement fails, sizes computed from the same numbers mean nothing, and nothing further down is blamed.
function judged(program, data, sizes) {
  const v = new Array(data.size);
  data.unknowns.forEach((name, i) => { v[i] = BigInt(sizes[name]); });
  program.run(v);
  const poisoned = new Set(), spoilt = new Map(), unknown = new Set(), failing = new Set(), failed = [];
  const touches = (places, set) => set !== undefined && places.some(place => set.has(place));
  for (const [needs, layer, what, axis, holds, values] of data.steps) {
    if (holds === undefined) {  // a definition
      if (touches(needs, poisoned) || touches(needs, spoilt.get(layer)) || unknown.has(layer)) poisoned.add(what);
    } else if (!touches(needs, poisoned) && !program.holds[holds](v)) {
      const [code, text, decides, poisons] = data.rules[what];
      failed.push({ layer, code, text, decides, axis, values });
      if (decides) failing.add(layer);
      if (!decides && layer >= 0) unknown.add(layer);
      else if (poisons) {
        if (!spoilt.has(layer)) spoilt.set(layer, new Set());
        needs.forEach(place => spoilt.get(layer).add(place));
      }
    }
  }
  if (failed.some(step => !step.decides && step.layer < 0)) return elsewhere(data, findings(program, failed, v));
  const known = (place, sure) => (typeof place === "string" ? place : sure || !poisoned.has(place) ? String(v[place]) : "?");
  const shape = (sizes, sure) => (sizes === null ? "?" : sizes.map(n => known(n, sure)).join("x") || "one number");
  const layers = data.layers.map((layer, i) => {
    if (layer.when !== undefined && !program.present[layer.when](v)) return absent(layer);
    const fails = failing.has(i);
    const clear = fails || layer.formulas.every(([, , place]) => !poisoned.has(place));
    return {
      name: layer.name, fails, shape: shape(layer.shape, fails),
      sizes: layer.shape === null ? null : layer.shape.map(n => known(n, fails)),
      formula: clear ? formula(layer.formulas, v) : "",
      costs: layer.costs.map(place => (place < 0 || poisoned.has(place) ? null : v[place])),
    };
  });
  const found = findings(program, failed, v);
  return {
    layers, findings: found,
    costs: data.layers.some(layer => layer.shape === null) ? data.costs.map(() => null)
      : data.costs.map(place => (poisoned.has(place) ? null : v[place])),
    tensors: Object.fromEntries(Object.entries(data.tensors).map(([name, sizes]) => [name, shape(sizes, false)])),
    goals: program.goals.map(goal => (found.length ? null : goal(v))),
    verdict: found.some(f => f.decides) ? "invalid" : found.length ? "unknown" : "valid",
  };
}

// A layer that is left out with the values that are chosen.
function absent(layer) {
  return { name: layer.name, absent: true, fails: false, shape: "left out", sizes: null, formula: "", costs: layer.costs.map(() => 0n) };
}

// Where a recorded program takes another branch, it is another network: of this one nothing holds there.
function elsewhere(data, found) {
  return {
    layers: data.layers.map(layer => ({
      name: layer.name, fails: false, shape: "?", sizes: null, formula: "", costs: layer.costs.map(() => null),
    })),
    findings: found.filter(f => !f.decides && f.layer < 0),
    costs: data.costs.map(() => null),
    tensors: Object.fromEntries(Object.keys(data.tensors).map(name => [name, "?"])),
    goals: program.goals.map(() => null),
    verdict: "unknown",
  };
}

// A shape formula with the numbers in it, once for axes that agree.
function formula(formulas, v) {
  const texts = new Map();
  for (const [axis, text, place] of formulas) {
    if (!text) continue;  // a size that is taken over as it is
    const written = text
      .replace(/\(\x02(\d+)\x03\)/g, (_, i) => (v[i] < 0n ? `(${v[i]})` : String(v[i])))
      .replace(/\x02(\d+)\x03/g, (_, i) => String(v[i])) + " = " + v[place];
    texts.set(written, [...(texts.get(written) || []), axis]);
  }
  if (texts.size === 1) return [...texts.keys()][0];
  return [...texts].map(([text, axes]) => `${axes.join("/")}: ${text}`).join(", ");
}

// The failures, those of one rule and one layer with the same numbers as one.
function findings(program, failed, v) {
  const groups = new Map();
  for (const step of failed) {
    const values = step.values.map(([name, i]) => `${name}=${program.said[i](v)}`).join(", ");
    const key = JSON.stringify([step.layer, step.code, step.text, step.layer < 0 ? "" : values]);
    if (!groups.has(key)) groups.set(key, { ...step, shown: values, axes: [] });
    if (step.axis) groups.get(key).axes.push(step.axis);
  }
  return [...groups.values()].map(g => ({
    layer: g.layer, code: g.code, decides: g.decides,
    message: g.text + (g.axes.length ? ` (${g.axes.join(", ")})` : "") + (g.shown ? `: ${g.shown}` : ""),
  }));
}
