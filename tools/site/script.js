// The menu on narrow screens and the search. Both work from file://: the index comes as a script, not by fetch.
"use strict";
(() => {
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
    const script = document.createElement("script");
    script.id = "search-index";
    script.src = root + "search-index.js"; // sets window.SEARCH_INDEX
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
    return occurs || word.length < 4 ? word : vocabulary().find((known) => near(word, known)) || word;
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
    const span = document.createElement("span");
    const lower = text.toLowerCase();
    let at = 0;
    while (at < text.length) {
      const next = words.map((word) => [lower.indexOf(word, at), word.length]).filter(([i]) => i >= 0)
        .sort((a, b) => a[0] - b[0])[0];
      if (!next) break;
      const mark = document.createElement("mark");
      mark.textContent = text.slice(next[0], next[0] + next[1]);
      span.append(text.slice(at, next[0]), mark);
      at = next[0] + next[1];
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
      const item = document.createElement("li");
      item.id = "hit-" + index;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      const link = document.createElement("a");
      link.href = root + entry.url;
      link.tabIndex = -1; // reached by the arrow keys
      const [title, heading] = entry.shown;
      const name = document.createElement("strong");
      name.textContent = heading && heading !== title ? heading + " · " + title : title;
      link.append(name, marked(snippet(entry, words, phrase), words));
      item.append(link);
      return item;
    });
    const empty = Boolean(query.value.trim()) && !shown.length && Boolean(window.SEARCH_INDEX);
    if (empty) {
      const item = document.createElement("li");
      item.setAttribute("role", "option");
      item.setAttribute("aria-disabled", "true");
      const text = document.createElement("a");
      text.textContent = "Nothing found.";
      item.append(text);
      shown.push(item);
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
})();
