"use strict";
// All text of cards and clients enters the page through textContent: nothing of it is ever parsed as markup.

const byId = (id) => document.getElementById(id);

/** An element with a class, text or children, and properties. */
function el(tag, name = "", content = [], properties = {}) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...(Array.isArray(content) ? content : [String(content)]));
  return Object.assign(node, properties);
}

// --- theme -----------------------------------------------------------------------------------------------------

const THEMES = ["system", "light", "dark"];

function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = `theme: ${theme}`;
}

function storedTheme() {
  try {
    return THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system";
  } catch {
    return "system"; // a browser that keeps nothing
  }
}

let theme = storedTheme();
setTheme(theme);
byId("theme").addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  setTheme(theme);
  try {
    localStorage.setItem("theme", theme);
  } catch {
    return; // it lasts as long as the page
  }
});

// --- the exchange ----------------------------------------------------------------------------------------------

const SLOTS = ["card", "PSAM"];
const log = byId("log");
const rows = byId("rows");
const filter = { text: "", slot: "", errors: false };
let most = 5000;
let paused = false;
let waiting = []; // entries that came while paused
let shown = 0; // rows that pass the filter
let following = true;
let unseen = 0;
let received = 0; // entries that have come, or were missed

function clock(seconds) {
  const at = new Date(seconds * 1000);
  const part = (number, digits = 2) => String(number).padStart(digits, "0");
  return `${part(at.getHours())}:${part(at.getMinutes())}:${part(at.getSeconds())}.${part(at.getMilliseconds(), 3)}`;
}

function duration(seconds) {
  return `${(seconds * 1000).toFixed(2)} ms`;
}

/** How an exchange ended: well, with an error, or with the length to ask again with (6Cxx). */
function ending({ sw }) {
  return sw === "9000" || sw.startsWith("61") ? "good" : sw.startsWith("6C") ? "again" : "bad";
}

/** What the command asks for and what the answer says; the first data item says more than that all is well. */
function gist(entry) {
  const item = ending(entry) === "good" ? entry.items.find(({ text }) => text) : undefined;
  return item ? `${`${item.name} ${item.chinese}`.trim()}: ${item.text}` : entry.meaning.replace(/^[0-9A-F]{4} /, "");
}

function commandName(entry) {
  return entry.fetches ? `${entry.name} (${entry.fetches})` : entry.name;
}

/** A row for an entry; the body of an exchange is made when it is opened. */
function row(entry) {
  const name = SLOTS[entry.slot];
  if (entry.event !== "apdu") {
    const cells = [el("span", "at", clock(entry.at)), el("span", "", name), el("span", "name", entry.event)];
    const node = el("div", "row event", [...cells, el("span"), el("span", "meaning hex", entry.atr ? `ATR ${entry.atr}` : "")]);
    node.entry = entry;
    return node;
  }
  const summary = el("summary", "", [
    el("span", "at", clock(entry.at)), el("span", "", name), el("span", "name", [commandName(entry), " ", el("span", "parameters", entry.parameters)]),
    el("span", "sw", entry.sw || "mute"), el("span", "meaning", gist(entry)),
    el("span", "ms", duration(entry.seconds)),
  ]);
  const node = el("details", `row ${ending(entry)}`, [summary]);
  node.entry = entry;
  node.addEventListener("toggle", () => {
    if (node.open && node.childElementCount === 1) node.append(body(entry));
  });
  return node;
}

function itemLine(item) {
  const line = el("div", "item", [el("span", "tag", item.tag), ` ${item.name}`]);
  if (item.chinese) line.append(" ", el("span", "zh", item.chinese));
  if (item.text) line.append(`: ${item.text}`);
  line.style.setProperty("--depth", item.depth);
  return line;
}

function body(entry) {
  return el("div", "body", [
    el("p", "state", `before: ${entry.before.text}`),
    el("p", "hex", [el("b", "", "→ "), entry.command]),
    ...entry.request.map(itemLine),
    el("p", "hex", [el("b", "", "← "), entry.response || "(no answer)"]),
    ...entry.items.map(itemLine),
    el("p", ending(entry) === "bad" ? "alarm" : "state", entry.meaning),
    el("p", "state", `after: ${entry.after.text}`),
  ]);
}

/** What the filter looks through, made once. */
function words(entry) {
  if (entry.words === undefined) {
    const all = [...(entry.request || []), ...(entry.items || [])];
    const items = all.map((item) => `${item.tag} ${item.name} ${item.chinese} ${item.text}`);
    const own = ["name", "parameters", "event", "command", "response", "atr", "meaning"].map((part) => entry[part]);
    entry.words = [...own, ...items].join(" ").toLowerCase();
  }
  return entry.words;
}

function passes(entry) {
  if (filter.slot !== "" && String(entry.slot) !== filter.slot) return false;
  if (filter.errors && (entry.event !== "apdu" || ending(entry) !== "bad")) return false;
  return !filter.text || words(entry).includes(filter.text);
}

function tellCount() {
  const all = rows.querySelectorAll(":scope > .row").length;
  const held = waiting.length ? `, ${waiting.length} held back` : "";
  byId("count").textContent = (shown === all ? `${all}` : `${shown} of ${all}`) + held;
}

function atEnd() {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 40;
}

let expected = 0; // where the log was scrolled to by this script
/** Go to the end, and again for some frames: rows get their height when they come into sight. */
function stick(frames = 3) {
  if (!following) return;
  log.scrollTop = log.scrollHeight;
  expected = log.scrollTop;
  if (frames) requestAnimationFrame(() => stick(frames - 1));
}

function toEnd() {
  following = true;
  unseen = 0;
  byId("newest").hidden = true;
  stick();
}

/** Who scrolls away from the end wants to read; who comes back to it follows. */
function scrolled() {
  if (!following && atEnd()) toEnd();
  else if (following && Math.abs(log.scrollTop - expected) > 2 && !atEnd()) following = false;
}

const size = new ResizeObserver(() => stick(0));
size.observe(rows);
size.observe(log);

/** Append rows, let the oldest go, and stay at the newest if that was in sight. */
function append(entries) {
  const fragment = document.createDocumentFragment();
  let added = 0;
  for (const entry of entries.slice(-most)) {
    const node = row(entry);
    node.hidden = !passes(entry);
    added += node.hidden ? 0 : 1;
    fragment.append(node);
  }
  rows.append(fragment);
  shown += added;
  let over = rows.childElementCount - most;
  while (over-- > 0) {
    const first = rows.firstElementChild;
    if (first.entry && !first.hidden) shown -= 1;
    first.remove();
  }
  if (following) {
    toEnd();
  } else if (added) {
    unseen += added;
    byId("newest").textContent = `${unseen} new ↓`;
    byId("newest").hidden = false;
  }
  tellCount();
}

function note(text) {
  rows.append(el("p", "note", text));
  if (following) toEnd();
}

function refilter() {
  shown = 0;
  for (const node of rows.children) {
    if (!node.entry) continue;
    node.hidden = !passes(node.entry);
    shown += node.hidden ? 0 : 1;
  }
  tellCount();
  if (following) toEnd();
}

let soon = 0;
function refilterSoon() {
  clearTimeout(soon);
  soon = setTimeout(refilter, 120);
}

byId("filter").addEventListener("input", (event) => {
  filter.text = event.target.value.trim().toLowerCase();
  refilterSoon();
});
byId("slot").addEventListener("change", (event) => {
  filter.slot = event.target.value;
  refilter();
});
byId("errors").addEventListener("change", (event) => {
  filter.errors = event.target.checked;
  refilter();
});
byId("newest").addEventListener("click", toEnd);
log.addEventListener("scroll", scrolled);
byId("clear").addEventListener("click", () => {
  rows.replaceChildren();
  waiting = [];
  shown = 0;
  toEnd();
  tellCount();
});

function setPaused(on) {
  paused = on;
  byId("pause").setAttribute("aria-pressed", String(on));
  if (!on) {
    const held = waiting;
    waiting = [];
    append(held);
  }
}
byId("pause").addEventListener("click", () => setPaused(!paused));

/** The summary of the next or previous row that is in sight. */
function neighbour(step) {
  const key = step > 0 ? "nextElementSibling" : "previousElementSibling";
  let node = document.activeElement.closest("details.row");
  node = node ? node[key] : step > 0 ? rows.firstElementChild : rows.lastElementChild;
  while (node && (node.hidden || node.tagName !== "DETAILS")) node = node[key];
  return node && node.firstElementChild;
}

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const actions = {
    "/": () => byId("filter").focus(),
    p: () => setPaused(!paused),
    End: toEnd,
    j: () => neighbour(1)?.focus(),
    k: () => neighbour(-1)?.focus(),
  };
  if (actions[event.key]) {
    event.preventDefault();
    actions[event.key]();
  }
});

// --- the cards -------------------------------------------------------------------------------------------------

const cards = []; // by slot: {info, session, reader}
const open = new Map(); // parts that were opened or closed by hand
const before = new Map(); // texts that stood in cells, to show what changes

/** A cell that lights up when its text changes. */
function cell(tag, name, key, text) {
  const node = el(tag, name, text);
  if (before.has(key) && before.get(key) !== text) node.classList.add("changed");
  before.set(key, text);
  return node;
}

function part(key, title, content, opened, here = false) {
  const node = el("details", "part", [el("summary", here ? "here" : "", title), ...content]);
  node.open = open.has(key) ? open.get(key) : opened;
  return Object.assign(node, { key, drawn: node.open });
}

/** Keep what was opened or closed by hand since the panel was drawn: "toggle" tells it too late for a panel drawn anew. */
function keepOpen(panel) {
  for (const node of panel.querySelectorAll("details.part")) {
    if (node.open !== node.drawn) open.set(node.key, node.open);
  }
}

function table(head, rows) {
  const top = el("tr", "", head.map((text) => el("th", "", text)));
  return el("div", "wide", [el("table", "", [el("thead", "", [top]), el("tbody", "", rows)])]);
}

/** One fact of a session, as the card has it and as it is seen from outside. */
function fact(slot, title, values, name = () => "") {
  const cells = values.map((text, column) => cell("td", name(text), `${slot} ${title} ${column}`, text || "–"));
  return el("tr", "", [el("th", "", title), ...cells]);
}

function environmentName(info, fid) {
  const found = info && info.environments.find((each) => each.fid === fid);
  return found ? `${fid} ${found.name}` : fid;
}

function applicationName(info, state) {
  const found = info && info.environments.find((each) => each.fid === state.environment);
  const file = found && found.files.find((each) => each.fid === state.application && !each.parent);
  return file && file.note ? `${state.application} ${file.note}` : state.application;
}

function sessionTable(slot, { info, session, reader }) {
  if (!session) return el("p", "off", "no power yet");
  const { card, outside } = session;
  const both = [card, outside];
  const mark = (word) => (word.startsWith("proved") || word === "outstanding" ? "on" : "off");
  const alarm = (word) => (word ? "alarm" : "off");
  return table(["", "the card", "seen from outside"], [
    fact(slot, "power", [reader && reader.powered ? "on" : card.powered ? "on" : "off", outside.powered ? "on" : "off"]),
    fact(slot, "environment", [environmentName(info, card.environment), outside.environment]),
    fact(slot, "application", [applicationName(info, card), outside.application]),
    fact(slot, "file", both.map((state) => state.file)),
    fact(slot, "keys proved", both.map((state) => state.proved.join(", ")), (text) => (text ? "on" : "off")),
    fact(slot, "PIN", both.map((state) => (state.pin ? "proved" : "")), mark),
    fact(slot, "challenge", both.map((state) => (state.challenge ? "outstanding" : "")), mark),
    fact(slot, "stage", both.map((state) => state.stage)),
    fact(slot, "blocked", both.map((state) => (state.blocked ? "blocked" : "")), alarm),
  ]);
}

function fileRow(slot, environment, file, state) {
  const inside = state && state.environment === environment.fid;
  const application = file.parent || (file.type === "df" ? file.fid : "");
  const here = inside && state.application === application && (file.type === "df" ? !state.file : state.file === file.fid);
  const key = `${slot} ${environment.fid} ${file.parent} ${file.fid}`;
  const size = file.records === null ? `${file.size} B` : `${file.records} rec., ${file.size} B`;
  const kind = file.parent ? "child" : file.type;
  return el("tr", here ? `${kind} here` : kind, [
    el("td", "mono", file.fid), el("td", "mono", file.sfi ? file.sfi.toString(16).toUpperCase().padStart(2, "0") : ""),
    el("td", "fit", file.type), cell("td", "fit", `${key} size`, size),
    cell("td", "fit", `${key} read`, file.read), cell("td", "fit", `${key} write`, file.write),
    cell("td", "fit", `${key} note`, file.note),
  ]);
}

function keyRows(slot, environment) {
  const own = environment.keys.map((key) => {
    const tries = key.tries === null ? "no limit" : `${key.tries} of ${key.limit}`;
    const name = `${slot} ${environment.fid} ${key.df} ${key.use} ${key.number} ${key.version}`;
    const number = key.number.toString(16).toUpperCase().padStart(2, "0");
    return el("tr", "", [
      el("td", "mono", key.df), el("td", "", `${key.use} ${number}`), el("td", "", key.version),
      el("td", "", key.algorithm), cell("td", key.tries === 0 ? "alarm" : "", `${name} tries`, tries),
    ]);
  });
  const levels = environment.key_records.map((key) =>
    el("tr", "", [
      el("td", "mono", key.file), el("td", "", `${key.type} ${key.id}`), el("td", "", `${key.levels} levels`),
      el("td", "", key.algorithm), el("td", "", ""),
    ]));
  return [...own, ...levels];
}

function facts(slot, prefix, pairs) {
  const list = pairs.flatMap(([name, value]) => [el("dt", "", name), cell("dd", "", `${slot} ${prefix} ${name}`, value)]);
  return el("dl", "facts", list);
}

function environmentPart(slot, environment, state) {
  const here = Boolean(state) && state.environment === environment.fid;
  const blocked = environment.blocked ? ", blocked" : "";
  const title = `${environment.fid} ${environment.name} — ${environment.state}${blocked}`;
  const keys = keyRows(slot, environment);
  const content = [
    facts(slot, environment.fid, [
      ["algorithm", environment.algorithm], ["master key", environment.master_key], ["free", `${environment.free} bytes`],
      ...Object.entries(environment.counters),
    ]),
    part(`${slot} ${environment.fid} files`, `files (${environment.files.length})`, [
      table(["FID", "SFI", "type", "size", "read", "write", ""],
        environment.files.map((file) => fileRow(slot, environment, file, state))),
    ], true),
    part(`${slot} ${environment.fid} keys`, `key slots (${keys.length})`, [
      table(["in", "key", "version", "algorithm", "tries left"], keys),
    ], false),
  ];
  return part(`${slot} ${environment.fid}`, title, content, slot === 0, here);
}

function readerWords(reader) {
  if (!reader) return "";
  const power = reader.powered ? "powered" : "no power";
  if (reader.clients === null) return `${reader.name}, ${power}`;
  const clients = `${reader.clients} ${reader.clients === 1 ? "client" : "clients"}`;
  return `${reader.name}, ${power}, ${clients}${reader.exclusive ? ", exclusive" : ""}`;
}

function panel(slot) {
  const view = cards[slot];
  const { info, session, reader, title } = view;
  const parts = [el("h2", "", `${slot === 0 ? "Card" : "PSAM"} — ${title}`)];
  parts.push(el("p", "state", readerWords(reader)), el("h3", "", "session"), sessionTable(slot, view));
  if (info && info.error) parts.push(el("p", "alarm", info.error));
  if (info && !info.error) {
    parts.push(el("h3", "", "content"), facts(slot, "card", [
      ["state", info.state], ["ATR", info.atr], ["card master key", info.master_key],
      ["memory", `${info.size} bytes, ${info.free} not allotted, ${info.programs} page programs`],
    ]));
    const state = session && session.card;
    parts.push(...info.environments.map((environment) => environmentPart(slot, environment, state)));
  }
  return parts;
}

const stale = new Set();
function refresh(slot) {
  if (!stale.size) requestAnimationFrame(redraw);
  stale.add(slot);
}

function redraw() {
  for (const slot of stale) {
    const focused = document.activeElement.closest(`#panel${slot} summary`);
    const text = focused && focused.textContent;
    const node = byId(`panel${slot}`);
    keepOpen(node);
    node.replaceChildren(...panel(slot));
    for (const summary of text ? node.querySelectorAll("summary") : []) {
      if (summary.textContent === text) summary.focus({ preventScroll: true });
    }
    const { reader, session } = cards[slot];
    const on = reader ? reader.powered : Boolean(session && session.card.powered);
    const light = byId(`light${slot}`);
    light.className = on ? "light on" : "light";
    light.title = readerWords(reader);
  }
  stale.clear();
}

// --- the connection --------------------------------------------------------------------------------------------

function setLink(text, name) {
  byId("link").textContent = text;
  byId("link").className = name;
}

function begin(hello) {
  most = hello.most;
  if (cards.length) return; // connected again
  byId("lights").replaceChildren();
  hello.slots.forEach((title, slot) => {
    cards.push({ title, info: null, session: null, reader: null });
    byId("cards").append(el("div", "panel", [], { id: `panel${slot}` }));
    byId("lights").append(el("span", "light", `${slot === 0 ? "card" : "PSAM"} ${title}`, { id: `light${slot}` }));
  });
  byId("slot").hidden = hello.slots.length < 2;
  document.title = `cardsim: ${hello.slots.join(", ")}`;
}

const source = new EventSource("events");
const on = (name, action) => source.addEventListener(name, (event) => action(JSON.parse(event.data)));

on("hello", (hello) => {
  begin(hello);
  setLink("live", "up");
});
on("log", (entries) => {
  received += entries.length;
  if (!paused) {
    append(entries);
    return;
  }
  waiting = [...waiting, ...entries].slice(-most);
  tellCount();
});
on("missed", ({ count }) => {
  received += count;
  note(`${count} entries are missing here: this page was too slow, and the card does not wait`);
});
for (const slot of [0, 1]) {
  on(`card${slot}`, (info) => {
    cards[slot].info = info;
    refresh(slot);
  });
  on(`state${slot}`, (session) => {
    cards[slot].session = session;
    refresh(slot);
  });
  on(`reader${slot}`, (reader) => {
    cards[slot].reader = reader;
    refresh(slot);
  });
}
on("end", () => {
  source.close();
  setLink("the cards were taken out", "down");
  note("the cards were taken out: serving has ended");
  for (const [slot, view] of cards.entries()) {
    if (view.reader) view.reader.powered = false;
    refresh(slot);
  }
});
source.addEventListener("error", () => {
  if (source.readyState === EventSource.CLOSED) setLink("not connected: reload the page", "down");
  else setLink("connection lost, trying again …", "down");
});
tellCount();
