// Conveniences of a page: light and dark, copying, folding, pictures that open large, tables to sort and filter.
"use strict";
(() => {
  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

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
  const close = make("button", { type: "button", textContent: "Close" });
  const dialog = make("dialog", { id: "large", ariaLabel: "Picture" }, close, shown, said);
  document.body.append(dialog);
  close.addEventListener("click", () => dialog.close());
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

  // "94.9 %", "±3.6 points", "-0.3", "1,533": the first number of a cell, or null for words.
  function number(text) {
    const found = text.trim().match(/^[±<>~]?\s*([-−+]?[\d,]*\.?\d+(?:e[-+]?\d+)?)/i);
    return found ? parseFloat(found[1].replace("−", "-").replaceAll(",", "")) : null;
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
