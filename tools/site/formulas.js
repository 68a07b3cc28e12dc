// Formulas in Python's arithmetic: read by a small parser (nothing is executed as code), tried on rows, compared.
"use strict";
(() => {
  const FUNCTIONS = {
    min: Math.min, max: Math.max, abs: Math.abs, sqrt: Math.sqrt, exp: Math.exp, log: Math.log, log10: Math.log10,
    log2: Math.log2, sin: Math.sin, cos: Math.cos,
  };
  const COMPARE = {
    "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b,
    "==": (a, b) => a === b, "!=": (a, b) => a !== b,
  };
  const TOKEN = /\s*(?:(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?)|([A-Za-z_][\w.]*)|(\*\*|\/\/|<=|>=|==|!=|[-+*\/%()<>,=]))/gy;

  function tokens(line) {
    const found = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < line.trimEnd().length) {
      const at = TOKEN.lastIndex;
      const match = TOKEN.exec(line);
      if (!match) throw new Error(`"${line.slice(at).trim()[0]}" is not understood here.`);
      found.push(match[1] ? { number: Number(match[1]) } : match[2] ? { name: match[2].replace(/^(np|math)\./, "") } : { sign: match[3] });
    }
    return found;
  }

  // A line as a function of the names' values, by recursive descent in Python's order of precedence.
  function parsed(list) {
    let at = 0;
    const sign = (...signs) => signs.includes(list[at]?.sign) ? list[at++].sign : null;
    const word = (name) => list[at]?.name === name && ++at;
    const need = (what) => { if (!sign(what)) throw new Error(`"${what}" is missing.`); };

    function condition() {
      const value = compared();
      if (!word("if")) return value;
      const test = compared();
      if (!word("else")) throw new Error("an if needs its else.");
      const other = condition();
      return (row) => (test(row) ? value(row) : other(row));
    }
    function compared() {
      const left = sum();
      const how = sign(...Object.keys(COMPARE));
      if (!how) return left;
      const right = sum();
      return (row) => Number(COMPARE[how](left(row), right(row)));
    }
    function sum() {
      let left = product();
      for (let how = sign("+", "-"); how; how = sign("+", "-")) {
        const [a, b, plus] = [left, product(), how === "+"];
        left = (row) => (plus ? a(row) + b(row) : a(row) - b(row));
      }
      return left;
    }
    function product() {
      let left = signed();
      for (let how = sign("*", "/", "//", "%"); how; how = sign("*", "/", "//", "%")) {
        const [a, b, kind] = [left, signed(), how];
        left = (row) => {
          const [x, y] = [a(row), b(row)];
          return kind === "*" ? x * y : kind === "/" ? x / y : kind === "//" ? Math.floor(x / y) : x - y * Math.floor(x / y);
        };
      }
      return left;
    }
    function signed() {
      if (sign("+")) return signed();
      if (!sign("-")) return power();
      const value = signed();
      return (row) => -value(row);
    }
    function power() {
      const base = atom();
      if (!sign("**")) return base;
      const exponent = signed(); // binds to the right, and tighter than a minus before the base
      return (row) => base(row) ** exponent(row);
    }
    function atom() {
      const token = list[at++];
      if (token?.number !== undefined) return () => token.number;
      if (token?.sign === "(") {
        const inner = condition();
        need(")");
        return inner;
      }
      if (!token?.name) throw new Error("a number or a name is missing.");
      if (!sign("(")) {
        return (row) => {
          if (!row.has(token.name)) throw new Error(`"${token.name}" is not given.`);
          return row.get(token.name);
        };
      }
      if (!Object.hasOwn(FUNCTIONS, token.name)) throw new Error(`there is no function "${token.name}" here.`);
      const values = [];
      if (!sign(")")) {
        do values.push(condition()); while (sign(","));
        need(")");
      }
      return (row) => FUNCTIONS[token.name](...values.map((value) => value(row)));
    }

    const whole = condition();
    if (at < list.length) throw new Error(`"${list[at].sign || list[at].name || list[at].number}" is not expected there.`);
    return whole;
  }

  // All lines as one function of a row of given numbers.
  function formula(text) {
    const steps = text.split("\n").map((line) => line.replace(/#.*/, "").replace(/^\s*return\b/, "")).filter((line) => line.trim()).map((line) => {
      const list = tokens(line);
      const named = list[0]?.name && list[1]?.sign === "=";
      return { name: named ? list[0].name : "", value: parsed(named ? list.slice(2) : list) };
    });
    if (!steps.length) throw new Error("there is no formula yet.");
    return (given) => {
      const row = new Map(Object.entries(given));
      let last = NaN;
      for (const { name, value } of steps) {
        last = value(row);
        if (name) row.set(name, last);
      }
      return last;
    };
  }

  const agree = (a, b) => a.every((value, at) => Math.abs(value - b[at]) <= 1e-6 + 1e-6 * Math.abs(b[at]));

  function judged(task, text) {
    let found;
    try {
      const rule = formula(text);
      found = task.rows.map(rule);
    } catch (error) {
      return `formula not read: ${error.message}`;
    }
    if (agree(found, task.right)) return `right on all ${found.length} rows.`;
    const known = task.hints.find(([, values]) => agree(found, values));
    if (known) return `not yet: ${known[0]}`;
    const at = found.findIndex((value, row) => !agree([value], [task.right[row]]));
    const given = Object.entries(task.rows[at]).map(([name, value]) => `${name} = ${value}`).join(", ");
    return `not yet: for ${given} yours gives ${Number(found[at].toPrecision(5))}, and ${Number(task.right[at].toPrecision(5))} is right.`;
  }

  for (const form of document.querySelectorAll(".formula-task")) {
    const task = window.FORMULAS[form.dataset.number];
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const said = judged(task, form.querySelector("textarea").value);
      form.querySelector(".said").textContent = said[0].toUpperCase() + said.slice(1);
    });
  }
})();
