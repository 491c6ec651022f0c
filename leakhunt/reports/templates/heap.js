"use strict";
// The tree is in columns, in preorder: the first child of a node comes right after it, and the next one after all that is
// below the first. So any node is shown at once, and rows are made only for what is opened.
(async () => {
  const PAGE = 50;
  const byId = (id) => document.getElementById(id);
  const unpack = async (id) => {
    const text = atob(byId(id).textContent.trim());
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const planes = new Uint8Array(await new Response(stream).arrayBuffer());
    const number = planes.length / 4;
    const values = new Uint32Array(number);
    for (let plane = 0; plane < 4; plane++) {
      const start = plane * number;
      for (let at = 0; at < number; at++) values[at] += planes[start + at] * 2 ** (8 * plane);
    }
    return values;
  };
  const words = JSON.parse(byId("words").textContent);
  const [counts, sizes, edges, names] = await Promise.all(["counts", "sizes", "edges", "names"].map(unpack));
  const number = counts.length;
  const ends = new Float64Array(number + 1);
  for (let at = 0; at < number; at++) ends[at + 1] = ends[at] + (words.large[at] ?? sizes[at]);
  const total = ends[number];
  const retained = (node) => ends[node + counts[node]] - ends[node];
  const shallow = (node) => words.large[node] ?? sizes[node];

  const size = (bytes) => {
    for (const [unit, factor] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
      if (bytes >= factor) return `${(bytes / factor).toPrecision(3)} ${unit}`;
    }
    return `${bytes} B`;
  };
  const cell = (text, kind) => {
    const span = document.createElement("span");
    if (kind) span.className = kind;
    span.textContent = text;
    return span;
  };

  // A list is where rows of one level go: from a node on, up to an end, of one name or of all.
  const row = (depth, parts) => {
    const line = document.createElement("div");
    line.className = "row";
    const part = cell(`${(100 * parts.retained / total).toFixed(1)}%`, "part");
    part.style.setProperty("--share", String(parts.retained / total));
    const what = document.createElement("span");
    what.className = "what";
    what.style.setProperty("--depth", String(depth));
    line.append(cell(size(parts.retained)), part, cell(size(parts.shallow)), what);
    return [line, what];
  };
  const opener = (what, label, open) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "+";
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", label);
    let below = null;
    button.addEventListener("click", () => {
      if (below === null) {
        below = document.createElement("ul");
        below.className = "tree";
        button.closest("li").append(below);
        open(below);
      } else {
        below.hidden = !below.hidden;
      }
      button.textContent = below.hidden ? "+" : "\u2212";
      button.setAttribute("aria-expanded", String(!below.hidden));
    });
    what.prepend(button);
  };
  const item = (line) => {
    const entry = document.createElement("li");
    entry.append(line);
    return entry;
  };
  const nodeItem = (node, depth) => {
    const [line, what] = row(depth, {retained: retained(node), shallow: shallow(node)});
    what.append(cell(words.edges[edges[node]], "edge"), ` ${words.names[names[node]]}`);
    what.title = what.textContent;
    if (counts[node] > 1) opener(what, "what it dominates", (below) => children(below, node, depth + 1));
    return item(line);
  };
  const buttonItem = (depth, text, act) => {
    const [line, what] = row(depth, {retained: 0, shallow: 0});
    line.replaceChildren(cell(""), cell(""), cell(""), what);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    what.append(button);
    const entry = item(line);
    button.addEventListener("click", () => { entry.remove(); act(); });
    return entry;
  };
  const page = (below, from, end, depth, wanted, left) => {
    let node = from;
    let shown = 0;
    while (node < end && shown < PAGE) {
      if (wanted === null || names[node] === wanted) {
        below.append(nodeItem(node, depth));
        shown++;
      }
      node += counts[node];
    }
    const rest = left - shown;
    if (node < end && rest > 0) {
      below.append(buttonItem(depth, `${Math.min(PAGE, rest)} of ${rest.toLocaleString("en")} more`,
        () => page(below, node, end, depth, wanted, rest)));
    }
  };
  const groups = (from, end) => {
    const found = new Map();
    for (let node = from; node < end; node += counts[node]) {
      let group = found.get(names[node]);
      if (!group) found.set(names[node], group = {name: names[node], count: 0, retained: 0, shallow: 0, first: node});
      group.count++;
      group.retained += retained(node);
      group.shallow += shallow(node);
    }
    return [...found.values()].sort((one, other) => other.retained - one.retained);
  };
  const children = (below, node, depth) => list(below, node + 1, node + counts[node], depth);
  const list = (below, from, end, depth) => {
    const found = groups(from, end);
    const number = found.reduce((sum, group) => sum + group.count, 0);
    if (number > PAGE && found.length < number) {
      for (const group of found.slice(0, PAGE)) {
        if (group.count === 1) {
          below.append(nodeItem(group.first, depth));
          continue;
        }
        const [line, what] = row(depth, group);
        what.append(`${group.count.toLocaleString("en")} \u00d7 ${words.names[group.name]}`);
        what.title = what.textContent;
        opener(what, "each of them", (inner) => page(inner, group.first, end, depth + 1, group.name, group.count));
        below.append(item(line));
      }
      if (found.length > PAGE) {
        below.append(buttonItem(depth, `all ${number.toLocaleString("en")}, the largest first`,
          () => page(below, from, end, depth, null, number)));
      }
    } else {
      page(below, from, end, depth, null, number);
    }
  };
  const top = byId("tree");
  let rows = 0;
  for (let node = 0; node < number; node += counts[node]) rows++;
  page(top, 0, number, 0, null, rows);
  byId("wait").hidden = true;
  document.body.dataset.ready = "yes";
})().catch((error) => {
  document.getElementById("wait").textContent = `This page needs a newer browser: ${error.message}`;
});
