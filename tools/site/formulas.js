// Formulas in Python's arithmetic: read by a small parser (nothing is executed as code), tried on rows, compared.
"use strict";
(() => {
  const number = (value) => {
    if (typeof value !== "number") throw new Error("one number is wanted there, not an array.");
    return value;
  };
  const array = (value) => {
    if (!Array.isArray(value)) throw new Error("an array is wanted there, not one number.");
    return value;
  };
  // What is done to numbers is done to arrays element by element.
  const lifted = (one) => (...values) => {
    const lengths = [...new Set(values.filter(Array.isArray).map((value) => value.length))];
    if (!lengths.length) return one(...values);
    if (lengths.length > 1) throw new Error(`arrays of ${lengths.join(" and ")} numbers do not fit.`);
    return Array.from({ length: lengths[0] }, (_, i) => one(...values.map((value) => (Array.isArray(value) ? value[i] : value))));
  };
  const all = (functions) => Object.fromEntries(Object.entries(functions).map(([name, one]) => [name, lifted(one)]));
  const OPERATORS = all({
    "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b, "**": (a, b) => a ** b,
    "//": (a, b) => Math.floor(a / b), "%": (a, b) => a - b * Math.floor(a / b),
    "<": (a, b) => Number(a < b), ">": (a, b) => Number(a > b), "<=": (a, b) => Number(a <= b),
    ">=": (a, b) => Number(a >= b), "==": (a, b) => Number(a === b), "!=": (a, b) => Number(a !== b),
  });
  const sum = (x) => array(x).reduce((total, value) => total + value, 0);
  const mean = (x) => sum(x) / x.length;
  const sort = (x) => [...array(x)].sort((a, b) => a - b);
  const running = (x, both) => array(x).reduce((found, value, i) => [...found, i ? both(found[i - 1], value) : value], []);
  const extreme = (one) => (...x) => (x.length === 1 ? one(...array(x[0])) : lifted(one)(...x));
  const FUNCTIONS = {
    ...all({
      abs: Math.abs, sqrt: Math.sqrt, exp: Math.exp, log: Math.log, log10: Math.log10, log2: Math.log2, sin: Math.sin,
      cos: Math.cos, minimum: Math.min, maximum: Math.max, where: (test, a, b) => (test ? a : b),
    }),
    min: extreme(Math.min), max: extreme(Math.max), sum, mean, sort, len: (x) => array(x).length,
    std: (x) => Math.sqrt(mean(array(x).map((value) => (value - mean(x)) ** 2))), // as NumPy's, of all n
    cumsum: (x) => running(x, (a, b) => a + b), "maximum.accumulate": (x) => running(x, Math.max),
    rankdata: (x) => array(x).map((v) => (x.filter((w) => w < v).length + x.filter((w) => w <= v).length + 1) / 2),
    arange: (...ends) => {
      const [start, stop, step] = ends.length < 2 ? [0, number(ends[0]), 1] : [...ends, 1].map(number);
      return Array.from({ length: Math.min(Math.max(Math.ceil((stop - start) / step), 0) || 0, 999) }, (_, i) => start + i * step);
    },
    quantile: (x, share) => {
      const [values, at] = [sort(x), number(share) * (x.length - 1)];
      const [low, high] = [values[Math.floor(at)], values[Math.ceil(at)]];
      return low + (high - low) * (at % 1);
    },
  };
  const BINARY = [["<", ">", "<=", ">=", "==", "!="], ["+", "-"], ["*", "/", "//", "%"]]; // the loosest first
  const TOKEN = /\s*(?:(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?)|([A-Za-z_][\w.]*)|(\*\*|\/\/|<=|>=|==|!=|[-+*\/%()<>,=]))/gy;

  function tokens(line) {
    const found = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < line.trimEnd().length) {
      const at = TOKEN.lastIndex;
      const match = TOKEN.exec(line);
      if (!match) throw new Error(`"${line.slice(at).trim()[0]}" is not understood here.`);
      found.push(match[1] ? { number: Number(match[1]) } : match[2] ? { name: match[2].replace(/^(np|math|stats)\./, "") } : { sign: match[3] });
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
      const value = binary(0);
      if (!word("if")) return value;
      const test = binary(0);
      if (!word("else")) throw new Error("an if needs its else.");
      const other = condition();
      return (row) => (number(test(row)) ? value(row) : other(row));
    }
    function binary(level) {
      if (level === BINARY.length) return signed();
      let left = binary(level + 1);
      for (let how = sign(...BINARY[level]); how; how = level && sign(...BINARY[level])) {
        const [a, b, both] = [left, binary(level + 1), OPERATORS[how]];
        left = (row) => both(a(row), b(row));
      }
      return left;
    }
    function signed() {
      if (sign("+")) return signed();
      if (!sign("-")) return power();
      const value = signed();
      return (row) => OPERATORS["-"](0, value(row));
    }
    function power() {
      const base = atom();
      if (!sign("**")) return base;
      const exponent = signed(); // binds to the right, and tighter than a minus before the base
      return (row) => OPERATORS["**"](base(row), exponent(row));
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

  const near = (a, b) => Math.abs(a - b) <= 1e-6 + 1e-6 * Math.abs(b);
  const agree = (found, right) => {
    const [a, b] = [[found].flat(2), [right].flat(2)];
    return a.length === b.length && b.every((value, i) => near(a[i], value));
  };
  const shown = (value) => (Array.isArray(value) ? `[${value.map(shown).join(", ")}]` : String(Number(value?.toPrecision(5))));

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
    const at = found.findIndex((value, row) => !agree(value, task.right[row]));
    const given = Object.entries(task.rows[at]).map(([name, value]) => `${name} = ${shown(value)}`).join(", ");
    return `not yet: for ${given} yours gives ${shown(found[at])}, and ${shown(task.right[at])} is right.`;
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
