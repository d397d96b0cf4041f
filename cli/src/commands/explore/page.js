
"use strict";
// The page of `dotvm explore`. All that comes from a program is put on the page as text, never as markup.
const $ = (selector) => document.querySelector(selector);
const data = (id) => JSON.parse(document.getElementById(id).textContent);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const model = data("model");
const columns = ["source", "bytecode", "native"].map((id) => ({
  id, section: $("#" + id), rows: $("#" + id + " .rows"), facts: $("#" + id + " small"), all: [],
}));
const byIndex = new Map(model.functions.map((it) => [it.index, it]));
const texts = new Map();
const BLOCK = 128;

const size = (bytes) => bytes < 10000 ? bytes + " B" : (bytes / 1024).toFixed(bytes < 102400 ? 1 : 0) + " KiB";
const count = (number) => number.toLocaleString("en-US");
const percent = (part, whole) => (100 * part / Math.max(whole, 1)).toFixed(1) + "%";
const many = (number, what) => count(number) + " " + what + (number === 1 ? "" : "s");

/// A source file's lines and what these have cost.
function text(file) {
  if (!texts.has(file)) {
    const { runs, fuel } = data("t" + file);
    const lines = new Map();
    for (const [first, run] of runs) run.forEach((line, i) => lines.set(first + i, line));
    texts.set(file, { lines, fuel: new Map(fuel) });
  }
  return texts.get(file);
}
const fuelOf = (spot) => spot && model.profile ? text(spot[0]).fuel.get(spot[1]) ?? 0 : 0;

/// Shades an element by what it has cost.
function heat(element, fuel) {
  if (!fuel || !model.profile.most) return;
  const part = Math.sqrt(fuel / model.profile.most);
  element.classList.add("hot");
  element.style.background = `rgba(var(--heat), ${(0.04 + 0.66 * part).toFixed(3)})`;
}

/// Rows in blocks, of which browsers lay out those that are seen.
function fill(parent, elements, height) {
  parent.replaceChildren();
  for (let at = 0; at < elements.length; at += BLOCK) {
    const block = make("div", "block");
    const part = elements.slice(at, at + BLOCK);
    block.style.containIntrinsicSize = `auto ${part.length * height}px`;
    block.append(...part);
    parent.append(block);
  }
}

const KEYWORDS = new Set(("as async await break case catch class const continue crate default do dyn else enum export " +
  "extern fn for from func function goto if impl import in interface int let loop match mod move mut new null pub ref " +
  "return self Self static struct super switch throw trait try type typedef union unsafe use var void where while " +
  "true false").split(" "));
const TOKENS = /(\/\/.*|\/\*.*?\*\/)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)')|(\b\d[\w.]*)|([A-Za-z_]\w*)/g;
const ASSEMBLER = /(;.*)|("(?:[^"\\]|\\.)*")|((?:^|[\s(,-])(?:0x[\da-f]+|\d[\w.]*))|(^\s*[.\w]+)/g;

/// A line of source with colours.
function coloured(parent, line, tokens) {
  let end = 0;
  for (const found of line.matchAll(tokens)) {
    const [all, comment, string, number, word] = found;
    const kind = comment ? "com" : string ? "str" : number ? "num"
      : word && (tokens === ASSEMBLER || KEYWORDS.has(word)) ? "key" : "";
    if (!kind) continue;
    parent.append(line.slice(end, found.index), make("span", kind, all));
    end = found.index + all.length;
  }
  parent.append(line.slice(end));
}

/// An instruction with colours, and its target as a link.
function instruction(parent, line, callee, jump) {
  const blank = line.indexOf(" ");
  const [op, rest] = blank < 0 ? [line, ""] : [line.slice(0, blank), line.slice(blank + 1)];
  parent.append(make("span", "op", op));
  if (!rest) return;
  parent.append(" ");
  if (callee !== null && byIndex.has(callee)) {
    const link = make("a", "", rest);
    link.dataset.func = callee;
    parent.append(link);
  } else if (jump !== null) {
    const link = make("a", "", rest);
    link.dataset.jump = jump;
    parent.append(link);
  } else {
    let end = 0;
    for (const found of rest.matchAll(/(?<![\w$.])-?(?:0x[\da-f]+|\d[\d.]*)\b/g)) {
      parent.append(rest.slice(end, found.index), make("span", "num", found[0]));
      end = found.index + found[0].length;
    }
    parent.append(rest.slice(end));
  }
}

const key = (spot) => spot[0] + ":" + spot[1];
let open = null;
/// The rows of the open function by lines and by instructions.
let links = null;

/// The place that a row is shown to belong to: the innermost whose text is here.
function own(spots) {
  return spots && (spots.find(([file]) => model.files[file].is_here) ?? spots[0]);
}

function row(column, className) {
  const element = make("div", className);
  element.it = { column, element, index: columns[column].all.length, keys: [], own: null, offset: null };
  columns[column].all.push(element.it);
  return element;
}

function link(it, spots, offset) {
  const place = own(spots);
  it.own = place ? key(place) : null;
  it.keys = spots ? spots.map(key) : [];
  it.inner = it.keys[0];
  it.spots = spots;
  it.offset = offset;
  if (place) it.element.style.borderLeftColor = colour(it.own);
  if (it.own || offset !== null) it.element.classList.add("code");
}

function colour(name) {
  if (!links.colours.has(name)) links.colours.set(name, links.colours.size);
  const hue = (links.colours.get(name) * 67 + 210) % 360;
  return `hsl(${hue} 60% var(--stripe-light))`;
}

function sourceRows(body) {
  const elements = [];
  let last = null;
  for (const [file, first, end] of body.source) {
    if (last !== file) {
      const { path, is_here } = model.files[file];
      elements.push(make("div", "file", path + (is_here ? "" : "  (not on the machine that made this page)")));
    } else {
      elements.push(make("div", "gap", "⋮"));
    }
    last = file;
    const { lines, fuel } = text(file);
    for (let line = first; line <= end; line++) {
      if (model.files[file].is_here && !lines.has(line)) break;
      const element = row(0, "row");
      element.append(make("span", "at", line));
      const name = file + ":" + line;
      if (model.profile) {
        const cost = make("span", "cost", fuel.get(line) ? percent(fuel.get(line), model.profile.fuel) : "");
        heat(cost, fuel.get(line));
        element.append(cost);
      }
      const content = make("span");
      if (model.files[file].is_here) {
        coloured(content, lines.get(line), /\.(dasm|wat|s)$/.test(model.files[file].path) ? ASSEMBLER : TOKENS);
      } else {
        content.append(make("span", "com", links.names.get(name) ?? ""));
      }
      element.append(content);
      if (links.lines.has(name)) link(element.it, [[file, line]], null);
      elements.push(element);
    }
  }
  return elements;
}

function instructionRow(column, at, line, note, spots, offset, callee, jump) {
  const element = row(column, "row");
  const place = make("span", "at", at.toString(16));
  heat(place, fuelOf(spots?.[0]));
  const content = make("span");
  instruction(content, line, callee, jump);
  element.append(place, content);
  if (note) element.append(make("span", "note", note));
  link(element.it, spots, offset);
  element.it.at = at;
  return element;
}

/// Opens a function.
function show(index, push) {
  const about = byIndex.get(index);
  if (!about) return;
  const body = data("f" + index);
  open = { index, about, body };
  links = { colours: new Map(), lines: new Set(), names: new Map() };
  for (const spots of body.spots) {
    for (const spot of spots) {
      links.lines.add(key(spot));
      if (spot[2]) links.names.set(key(spot), spot[2]);
    }
  }
  for (const column of columns) column.all = [];
  cursor = hovered = null;
  // Colours follow the source from top to bottom.
  const source = sourceRows(body);
  const bytecode = body.bytecode.map(([at, line, local, place, callee]) => {
    const target = line.match(/-> (0x[\da-f]+)$/);
    const spots = place === null ? null : body.spots[place];
    return instructionRow(1, at, line, local && "$" + local, spots, at, callee, target ? Number(target[1]) : null);
  });
  const native = body.native.map(([at, line, note, place, offset, callee]) => {
    const target = line.match(/^(?:j\w+|loop\w*) (0x[\da-f]+|\d+)$/);
    const spots = place === null ? null : body.spots[place];
    return instructionRow(2, at, line, note, spots, offset, callee, target ? Number(target[1]) : null);
  });
  const none = (reason) => [make("p", "empty", reason)];
  fill(columns[0].rows, source.length ? source : none("Nothing is known about the source: there is no debug information. `dotvm transpile -g` and `asm -g` keep it."), 19);
  fill(columns[1].rows, bytecode, 19);
  fill(columns[2].rows, native.length ? native : none("There is no native code: " + (body.no_native ?? model.no_native ?? "nothing was compiled") + "."), 19);
  columns[0].facts.textContent = source.length ? about.name : "";
  columns[1].facts.textContent = `${many(bytecode.length, "instruction")}, ${size(about.bytes)}`;
  columns[2].facts.textContent = native.length ? `${many(native.length, "instruction")}, ${size(about.native)}` : "";
  for (const column of columns) column.rows.scrollTo(0, 0);
  if (push) history.pushState(null, "", "#f" + index);
  mark();
  search(false);
  status();
}

let hovered = null;
let cursor = null;
let active = 0;
let marked = [];

/// Marks what belongs to a row.
function mark() {
  for (const element of marked) element.classList.remove("on", "also", "exact");
  marked = [];
  const from = hovered ?? cursor;
  if (!from || (!from.own && from.offset === null)) return;
  for (const { all } of columns) {
    for (const it of all) {
      let kind = null;
      if (from.offset !== null && it.offset === from.offset && it.column) kind = "exact";
      else if (from.own && (it.own === from.own || !from.column && it.inner === from.own)) kind = "on";
      else if (from.column && it.column === 0 && from.keys.includes(it.own)) kind = "also";
      else if (!from.column && it.keys.includes(from.own)) kind = "also";
      if (kind) {
        it.element.classList.add(kind);
        marked.push(it.element);
      }
    }
  }
  if (from.own) from.element.classList.add("on");
}

/// What the line at the bottom says.
function status() {
  const from = hovered ?? cursor;
  const parts = [];
  if (from?.spots) {
    for (const [file, line, name] of from.spots) {
      parts.push((name ? name + "  " : "") + model.files[file].path + ":" + line);
    }
    const fuel = fuelOf(from.spots[0]);
    if (fuel) parts[0] += `  (${count(fuel)} fuel, ${percent(fuel, model.profile.fuel)})`;
  }
  $("#place").textContent = parts.length ? parts.join("   ←   ")
    : open ? `function ${open.index}: ${open.about.name}` : "";
}

function select(it, follow) {
  cursor?.element.classList.remove("cursor");
  cursor = it;
  hovered = null;
  mark();
  status();
  if (!it) return;
  activate(it.column);
  it.element.classList.add("cursor");
  reveal(it.element, "nearest");
  if (!follow) return;
  for (const column of columns) {
    if (column.id === columns[it.column].id) continue;
    const found = column.all.find(({ element }) => element.classList.contains("exact"))
      ?? column.all.find(({ element }) => element.classList.contains("on"));
    if (found) reveal(found.element, "center");
  }
}

function reveal(element, block) {
  const rows = element.closest(".rows");
  const [outer, inner] = [rows.getBoundingClientRect(), element.getBoundingClientRect()];
  const is_seen = inner.top >= outer.top + 24 && inner.bottom <= outer.bottom;
  if (is_seen) return;
  const left = rows.scrollLeft;
  element.scrollIntoView({ block: block === "nearest" && Math.abs(inner.top - outer.top) < 2000 ? "nearest" : "center" });
  rows.scrollLeft = left;
  if (block === "nearest" && element.getBoundingClientRect().top < outer.top + 24) rows.scrollTop -= 24;
}

function activate(column) {
  active = column;
  columns.forEach((it, at) => it.section.classList.toggle("active", at === column));
}

/// Moves by rows.
function move(by) {
  const { all } = columns[active];
  if (!all.length) return;
  const at = cursor?.column === active ? cursor.index + by : by > 0 ? 0 : all.length - 1;
  select(all[Math.max(0, Math.min(all.length - 1, at))], true);
}

/// Moves to another column, to what belongs to this row there.
function moveTo(by) {
  let to = active + by;
  while (columns[to] && !columns[to].all.length) to += by;
  if (!columns[to]) return;
  const { all } = columns[to];
  const found = ["exact", "on", "also"].map((kind) => all.find(({ element }) => element.classList.contains(kind)));
  activate(to);
  select(found.find(Boolean) ?? all[0], true);
}

function follow(link) {
  if (link.dataset.func !== undefined) return show(Number(link.dataset.func), true);
  const column = link.closest(".row").it.column;
  const found = columns[column].all.find((it) => it.at === Number(link.dataset.jump));
  if (found) select(found, true);
}

// Searching.
let matches = [];
let match = -1;
function search(go) {
  const wanted = $("#search input").value.toLowerCase();
  for (const it of matches) it.element.classList.remove("match");
  matches = [];
  match = -1;
  if (wanted) {
    for (const { all } of columns) {
      for (const it of all) {
        // Without the number in front.
        const content = [...it.element.children].filter((part) => !part.matches(".at, .cost"));
        if (content.some((part) => part.textContent.toLowerCase().includes(wanted))) matches.push(it);
      }
    }
    for (const it of matches) it.element.classList.add("match");
    if (go) next(1);
  }
  $("#search output").textContent = !wanted ? "" : matches.length ? `${match + 1}/${matches.length}` : "none";
}
function next(by) {
  if (!matches.length) return;
  match = (match + by + matches.length) % matches.length;
  select(matches[match], true);
  $("#search output").textContent = `${match + 1}/${matches.length}`;
}

// The list of functions.
let listed = [];
function list() {
  const wanted = $("#filter input").value.toLowerCase();
  const order = $("#filter select").value;
  listed = model.functions.filter((it) => it.name.toLowerCase().includes(wanted) || String(it.index) === wanted);
  const by = {
    index: (a, b) => a.index - b.index, name: (a, b) => a.name.localeCompare(b.name),
    bytes: (a, b) => b.bytes - a.bytes, fuel: (a, b) => b.fuel - a.fuel || a.index - b.index,
  };
  listed.sort(by[order]);
  const elements = listed.map((it) => {
    const element = make("a");
    element.dataset.func = it.index;
    element.title = `${it.name}\nfunction ${it.index}, ${size(it.bytes)} of bytecode, ${size(it.native)} of native code`;
    const cost = make("span", "", it.fuel ? percent(it.fuel, model.profile.fuel) : order === "fuel" ? "" : size(it.bytes));
    element.append(make("span", "", it.name), cost);
    if (it.fuel) {
      const part = (100 * it.fuel / Math.max(model.profile.fuel, 1)).toFixed(1);
      element.style.background = `linear-gradient(90deg, rgba(var(--heat), .22) ${part}%, transparent ${part}%)`;
    }
    return element;
  });
  fill($("#list"), elements.length ? elements : [make("p", "", "no function is called so")], 24);
  current();
}
function current() {
  for (const element of document.querySelectorAll("#list a.open")) element.classList.remove("open");
  const element = open && $(`#list a[data-func="${open.index}"]`);
  element?.classList.add("open");
  element?.scrollIntoView({ block: "nearest" });
}
function go(index) {
  show(index, true);
  current();
}
function step(by) {
  const at = listed.findIndex((it) => it.index === open?.index);
  const to = listed[at < 0 ? 0 : at + by];
  if (to) go(to.index);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (link?.dataset.func !== undefined) return go(Number(link.dataset.func));
  if (link) return follow(link);
  const clicked = event.target.closest(".row");
  if (clicked && !getSelection().toString()) select(clicked.it === cursor ? null : clicked.it, true);
});
$("main").addEventListener("mouseover", (event) => {
  const over = event.target.closest(".row.code");
  if (over?.it === hovered) return;
  hovered = over?.it ?? null;
  mark();
  status();
});
$("main").addEventListener("mouseleave", () => { hovered = null; mark(); status(); });
$("#filter input").addEventListener("input", list);
$("#filter select").addEventListener("change", list);
$("#search input").addEventListener("input", () => search(true));
$("#ask").addEventListener("click", () => $("#help").showModal());
const fromHash = () => {
  const index = Number(location.hash.slice(2));
  show(location.hash.startsWith("#f") && byIndex.has(index) ? index : model.first, false);
  current();
};
addEventListener("popstate", fromHash);

const keys = {
  j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
  h: () => moveTo(-1), ArrowLeft: () => moveTo(-1), l: () => moveTo(1), ArrowRight: () => moveTo(1),
  g: () => { const first = columns[active].all[0]; if (first) select(first, true); },
  G: () => { const last = columns[active].all.at(-1); if (last) select(last, true); },
  PageDown: () => move(20), PageUp: () => move(-20),
  Enter: () => { const link = cursor?.element.querySelector("a"); if (link) { follow(link); current(); } },
  "[": () => step(-1), "]": () => step(1),
  f: () => $("#filter input").focus(), "/": () => { $("#search input").focus(); $("#search input").select(); },
  n: () => next(1), N: () => next(-1), "?": () => $("#help").showModal(),
  t: () => {
    const is_here = (it) => Number(model.files[it.spots[0][0]].is_here);
    const hot = columns[0].all.filter((it) => fuelOf(it.spots?.[0]))
      .sort((a, b) => is_here(b) - is_here(a) || fuelOf(b.spots[0]) - fuelOf(a.spots[0]))[0];
    if (hot) select(hot, true);
  },
  Escape: () => select(null),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("#help").open) return;
  const input = event.target.closest("input, select");
  if (input) {
    if (event.key === "Escape") input.blur();
    if (event.key === "Enter") {
      input.blur();
      if (input.closest("#filter") && listed.length) go(listed[0].index);
      if (input.closest("#search")) event.shiftKey ? next(-1) : next(0);
    }
    return;
  }
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});

$("#program").textContent = model.program.split("/").at(-1);
$("#program").title = model.program;
$("#arch").textContent = model.arch;
const sum = (name) => model.functions.reduce((total, it) => total + it[name], 0);
$("#facts").textContent = `${many(model.functions.length, "function")}, ${size(sum("bytes"))} of bytecode, ${size(sum("native"))} of native code · dotvm ${model.version}`;
if (model.profile) {
  $("#legend").hidden = false;
  $("#total").textContent = `of ${count(model.profile.fuel)} fuel`;
  $("#filter select").value = "fuel";
} else {
  $('#filter select option[value="fuel"]').remove();
}
list();
fromHash();
activate(0);
