// Every page: the menu on narrow screens, the search (from file:// too: its index comes as a script, not by fetch), light and
// dark, copying, folding, pictures that open large, tables to sort and filter, predictions.
"use strict";
(() => {
  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  const root = document.body.dataset.root;
  const menu = document.getElementById("menu");
  const button = document.getElementById("menu-button");
  const form = document.getElementById("search");
  const query = document.getElementById("query");
  const hits = document.getElementById("hits");
  const count = document.getElementById("hit-count");
  const MOST = 12; // results shown
  let chosen = -1;

  button.hidden = form.hidden = false; // without this script both would do nothing
  menu.classList.add("folded");
  button.addEventListener("click", () => {
    const folded = menu.classList.toggle("folded");
    button.setAttribute("aria-expanded", String(!folded));
  });

  function loadIndex() {
    if (document.getElementById("search-index")) return;
    const script = make("script", { id: "search-index", src: root + "search-index.js" }); // sets window.SEARCH_INDEX
    script.addEventListener("load", search);
    document.head.append(script);
  }

  // Every word must occur; titles and headings count more than text, and the whole phrase most.
  function score(entry, words, phrase) {
    let sum = 0;
    for (const word of words) {
      const found = 12 * entry.heading.includes(word) + 6 * entry.title.includes(word)
        + Math.min(5, entry.text.split(word).length - 1);
      if (!found) return 0;
      sum += found;
    }
    const all = [entry.heading, entry.title, entry.text].some((text) => text.includes(phrase));
    return sum + (words.length > 1 && all ? 20 : 0);
  }

  function prepared() {
    if (!window.SEARCH_INDEX.prepared) {
      window.SEARCH_INDEX.prepared = window.SEARCH_INDEX.map(([url, title, heading, text], order) => ({
        url, order, shown: [title, heading, text],
        title: title.toLowerCase(), heading: heading.toLowerCase(), text: text.toLowerCase(),
      }));
    }
    return window.SEARCH_INDEX.prepared;
  }

  // Whether one slip of the hand lies between two words: a letter too many, missing, wrong, or two exchanged.
  function near(a, b) {
    if (Math.abs(a.length - b.length) > 1) return false;
    let at = 0;
    while (at < a.length && a[at] === b[at]) at += 1;
    const [x, y] = [a.slice(at), b.slice(at)];
    return x.slice(1) === y || x === y.slice(1) || x.slice(1) === y.slice(1)
      || (x[0] === y[1] && x[1] === y[0] && x.slice(2) === y.slice(2));
  }

  function vocabulary() {
    if (!window.SEARCH_INDEX.words) {
      const counts = new Map();
      for (const entry of prepared()) {
        for (const word of `${entry.heading} ${entry.text}`.match(/\p{L}[\p{L}\d-]{2,}/gu) || []) {
          counts.set(word, (counts.get(word) || 0) + 1);
        }
      }
      window.SEARCH_INDEX.words = [...counts].sort((a, b) => b[1] - a[1]).map(([word]) => word);
    }
    return window.SEARCH_INDEX.words;
  }

  // A word that occurs nowhere, read as the most frequent word that is one slip away.
  function mended(word) {
    const occurs = prepared().some((entry) => entry.text.includes(word) || entry.heading.includes(word));
    return occurs || word.length < 3 ? word : vocabulary().find((known) => near(word, known)) || word;
  }

  function search() {
    chosen = -1;
    const typed = query.value.trim().toLowerCase().replace(/\s+/g, " ");
    if (!typed || !window.SEARCH_INDEX) return show([], []);
    const words = typed.split(" ").map(mended);
    const phrase = words.join(" ");
    const found = prepared()
      .map((entry) => ({ entry, score: score(entry, words, phrase) }))
      .filter((hit) => hit.score > 0)
      .sort((a, b) => b.score - a.score || a.entry.order - b.entry.order);
    show(found.map((hit) => hit.entry), words, phrase, phrase === typed ? "" : `, read as “${phrase}”`);
  }

  // Text with its found words in <mark>, built from text nodes alone.
  function marked(text, words) {
    const span = make("span");
    const lower = text.toLowerCase();
    let at = 0;
    while (at < text.length) {
      const next = words.map((word) => [lower.indexOf(word, at), word.length]).filter(([i]) => i >= 0)
        .sort((a, b) => a[0] - b[0])[0];
      if (!next) break;
      const end = next[0] + next[1];
      span.append(text.slice(at, next[0]), make("mark", {}, text.slice(next[0], end)));
      at = end;
    }
    span.append(text.slice(at));
    return span;
  }

  function snippet(entry, words, phrase) {
    const places = [phrase, ...words].map((word) => entry.text.indexOf(word)).filter((i) => i >= 0);
    const start = Math.max(0, (places.length ? places[0] : 0) - 50);
    return (start ? "…" : "") + entry.shown[2].slice(start, start + 150);
  }

  function show(entries, words, phrase, mended = "") {
    const shown = entries.slice(0, MOST).map((entry, index) => {
      const [title, heading] = entry.shown;
      const name = make("strong", {}, heading && heading !== title ? heading + " · " + title : title);
      const link = make("a", { href: root + entry.url, tabIndex: -1 }, name, marked(snippet(entry, words, phrase), words));
      return make("li", { id: "hit-" + index, role: "option", ariaSelected: "false" }, link); // reached by the arrow keys
    });
    if (query.value.trim() && !shown.length && window.SEARCH_INDEX) {
      shown.push(make("li", { role: "option", ariaDisabled: "true" }, make("a", {}, "Nothing found.")));
    }
    hits.replaceChildren(...shown);
    hits.hidden = !shown.length;
    query.setAttribute("aria-expanded", String(Boolean(shown.length)));
    query.removeAttribute("aria-activedescendant");
    count.textContent = query.value.trim() ? entries.length + " found" + mended : "";
  }

  function choose(step) {
    const items = [...hits.querySelectorAll("[aria-selected]")];
    if (!items.length) return;
    chosen = (chosen + step + items.length + (chosen < 0 && step < 0 ? 1 : 0)) % items.length;
    items.forEach((item, index) => item.setAttribute("aria-selected", String(index === chosen)));
    items[chosen].scrollIntoView({ block: "nearest" });
    query.setAttribute("aria-activedescendant", items[chosen].id);
  }

  function open() {
    const items = hits.querySelectorAll("[aria-selected] a");
    if (items.length) window.location.href = items[Math.max(0, chosen)].href;
    close();
  }

  function close() {
    chosen = -1;
    hits.hidden = true;
    query.setAttribute("aria-expanded", "false");
    query.removeAttribute("aria-activedescendant");
  }

  query.addEventListener("focus", () => { loadIndex(); search(); });
  query.addEventListener("input", search);
  form.addEventListener("submit", (event) => { event.preventDefault(); open(); });
  form.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      close();
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      query.focus();
    }
  });
  document.addEventListener("click", (event) => { if (!form.contains(event.target)) close(); });

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = document.getElementById("theme");
  const now = () => document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
  const label = () => { theme.textContent = now() === "dark" ? "Light" : "Dark"; };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const next = now() === "dark" ? "light" : "dark";
    const asSystem = next === (dark.matches ? "dark" : "light");
    if (asSystem) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      if (asSystem) localStorage.removeItem("theme"); else localStorage.setItem("theme", next);
    } catch { /* storage is blocked: for this page alone */ }
    label();
  });
  dark.addEventListener("change", label);
  label();

  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest" });

  // The clipboard of pages opened as files is not always there; a selected text can be copied everywhere.
  async function copy(text, button) {
    const area = make("textarea", { value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy") || await navigator.clipboard?.writeText(text).then(() => true, () => false);
    area.remove();
    button.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }
  for (const block of document.querySelectorAll("main pre:not(.output)")) {
    if (block.closest(".output")) continue;
    const button = make("button", { type: "button", className: "copy", textContent: "Copy" });
    button.addEventListener("click", () => copy(block.textContent.replace(/\n$/, ""), button));
    const holder = make("div", { className: "copied" });
    block.replaceWith(holder);
    holder.append(block, button);
  }

  const cells = [...document.querySelectorAll("details.code")];
  if (cells.length > 1) {
    const button = make("button", { type: "button", className: "fold" });
    const name = () => { button.textContent = cells.some((cell) => cell.open) ? "Fold all code" : "Show all code"; };
    button.addEventListener("click", () => {
      const open = !cells.some((cell) => cell.open);
      for (const cell of cells) cell.open = open;
      name();
    });
    for (const cell of cells) cell.addEventListener("toggle", name);
    name();
    (document.querySelector(".note") || document.querySelector("h1")).append(" ", button);
  }

  const shown = make("div");
  const said = make("p");
  const closing = make("button", { type: "button", textContent: "Close" });
  const dialog = make("dialog", { id: "large", ariaLabel: "Picture" }, closing, shown, said);
  document.body.append(dialog);
  closing.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  for (const link of document.querySelectorAll("a.zoom")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the picture alone, in a tab of its own
      event.preventDefault();
      said.textContent = link.querySelector("img").alt;
      shown.replaceChildren(make("img", { src: link.href, alt: said.textContent }));
      dialog.showModal();
    });
  }

  // "94.9 %", "±3.6 points", "-0.3 to 2.0 points", "0.991", "1,533": the first number of a cell, as a share where it is
  // in per cent or in percentage points, so that an accuracy and an AUC are compared; null for words.
  function number(text) {
    const one = "[-−+]?[\\d,]*\\.?\\d+(?:e[-+]?\\d+)?";
    const found = text.trim().match(new RegExp(`^[±<>~]?\\s*(${one})(?: to ${one})?\\s*(%|(?:percentage )?points)?`, "i"));
    return found ? parseFloat(found[1].replace("−", "-").replaceAll(",", "")) / (found[2] ? 100 : 1) : null;
  }
  function before(a, b) {
    const [x, y] = [number(a), number(b)];
    if (x !== null && y !== null) return x - y;
    return (x === null) - (y === null) || a.localeCompare(b);
  }

  // Rows between two section headings are sorted among themselves; empty cells come last.
  function sorted(rows, column, down) {
    const groups = [[]];
    for (const row of rows) {
      if (row.classList.contains("section")) groups.push([row], []);
      else groups.at(-1).push(row);
    }
    const text = (row) => row.cells[column].textContent.trim();
    return groups.flatMap((group) => group.sort((a, b) =>
      (text(a) === "") - (text(b) === "") || (down ? -1 : 1) * before(text(a), text(b))));
  }

  for (const table of document.querySelectorAll("main table")) {
    const body = table.tBodies[0];
    const rows = body ? [...body.rows] : [];
    const heads = table.tHead ? [...table.tHead.rows].at(-1).cells : [];
    const plain = table.tHead?.rows.length === 1 && rows.every((row) => row.cells.length === heads.length);
    if (rows.length < 4 || !plain) continue;
    const sort = (column, down) => {
      body.append(...sorted(rows, column, down));
      [...heads].forEach((head, at) => head.setAttribute("aria-sort", at !== column ? "none" : down ? "descending" : "ascending"));
    };
    [...heads].forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
      button.addEventListener("click", () => sort(column, head.getAttribute("aria-sort") === "ascending"));
      head.append(button);
    });
    if (rows.length < 8) continue;
    const filter = make("input", { type: "search", placeholder: "Filter rows", ariaLabel: "Filter these rows" });
    const choice = make("select", { ariaLabel: "Sort by" }, make("option", { textContent: "Sort by" }),
      ...[...heads].map((head, at) => make("option", { value: at, textContent: head.textContent })));
    const count = make("span", { role: "status" });
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
      count.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} of ${rows.length}` : "";
    });
    choice.addEventListener("change", () => { if (choice.value !== "Sort by") sort(Number(choice.value), false); });
    const holder = table.closest(".scroll") || table;
    holder.before(make("p", { className: "tools" }, filter, " ", choice, " ", count));
  }

  // A prediction of the exercises: right, or what was measured and what speaks against the prediction.
  for (const form of document.querySelectorAll("form.predict")) {
    const because = JSON.parse(form.dataset.because);
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", (event) => {
      const answer = event.target.value;
      const right = answer === form.dataset.answer;
      form.querySelector(".said").textContent = `${right ? "Right:" : `Measured was “${form.dataset.answer}”.`} ${because[answer]}`;
    });
  }
})();
