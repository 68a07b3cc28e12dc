// Exercises answered on the page: an editor for each, one Python for all, which starts with the first run and needs no
// server. Its files come as scripts (window.HERE), since pages opened as files cannot fetch.
"use strict";
(() => {
  const root = document.body.dataset.root;
  const forms = document.querySelectorAll("form.here");
  const FILES = ["kernel.wasm", "python.wasm", "python-stdlib.zip", "numpy.tar.xz", "pandas.tar.xz", "six.tar.xz", "pytz.tar.xz",
    "dateutil.tar.xz", "here.py", "checks.py"];
  const SLOW = 15; // seconds, after which the page says that a run may be stopped
  let worker = null;
  let running = null; // the form whose code runs
  let turns = 0; // how many runs there were, since one may be stopped while it waits for a file

  window.HERE = {};
  const bytes = (name) => Uint8Array.from(atob(window.HERE[name]), (letter) => letter.charCodeAt(0)).buffer;

  function load(name) {
    if (name in window.HERE) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src: `${root}try/python/${name}.js`, onload: resolve });
      script.onerror = () => reject(new Error(`${name} could not be loaded; is the site whole?`));
      document.head.append(script);
    });
  }

  async function started(current) {
    if (worker) return;
    say("Python starts, which takes a while …\n");
    await Promise.all(["worker.js", ...FILES].map(load));
    if (!current()) return; // stopped meanwhile
    const source = new Blob([bytes("worker.js")], { type: "text/javascript" });
    worker = new Worker(URL.createObjectURL(source));
    worker.onmessage = ({ data }) => heard(data);
    worker.onerror = (error) => heard({ text: `Python does not start here: ${error.message}\n`, done: true, dead: true });
    worker.postMessage({ files: Object.fromEntries(FILES.map((name) => [name, bytes(name)])) });
    await new Promise((resolve) => { waiting = resolve; });
    if (current()) running.output.textContent = "";
  }

  let waiting = null;
  let slow = 0;

  function heard({ text, done, dead }) {
    if (text && running) say(text);
    if (dead) end();
    if (!done) return;
    if (waiting) { waiting(); waiting = null; return; }
    finish();
  }

  function say(text) {
    running.output.textContent += text;
  }

  function end() {
    if (worker) worker.terminate();
    worker = waiting = null;
  }

  function finish() {
    clearTimeout(slow);
    if (running) running.show(false);
    running = null;
  }

  // Nothing else can run meanwhile; a disabled button loses the focus, and gets it back.
  function permit(allowed) {
    for (const button of document.querySelectorAll("form.here [name=run], form.here [name=more]")) button.disabled = !allowed;
  }

  async function run(form, message) {
    if (running) return;
    running = form;
    const turn = turns += 1;
    const current = () => running === form && turn === turns;
    form.output.textContent = "";
    form.show(true);
    try {
      await started(current);
      if (message.answer !== undefined) await load(form.number);
      if (!current()) return;
      if (message.answer !== undefined) message.task = bytes(form.number);
      slow = setTimeout(() => say("It is still running; an endless loop can be stopped.\n"), SLOW * 1000);
      worker.postMessage(message);
    } catch (error) {
      if (!current()) return;
      say(`${error.message}\n`);
      finish();
    }
  }

  // What was typed is kept in this browser; without storage, such as in a private window, until the page is left.
  const kept = {
    get: (number) => { try { return localStorage.getItem(`answer ${number}`); } catch { return null; } },
    set: (number, text) => { try { localStorage.setItem(`answer ${number}`, text); } catch { /* not kept */ } },
    drop: (number) => { try { localStorage.removeItem(`answer ${number}`); } catch { /* not kept */ } },
  };

  for (const element of forms) {
    const area = element.querySelector("textarea");
    const button = (name) => element.querySelector(`[name=${name}]`);
    const [stub, number] = [area.value, element.dataset.number];
    const form = {
      number, output: element.querySelector("output"),
      show: (busy) => {
        permit(!busy);
        button("stop").hidden = !busy;
        if (!busy && document.activeElement === document.body) button("run").focus({ preventScroll: true });
      },
    };
    area.value = kept.get(number) || stub;
    area.rows = area.value.split("\n").length + 1;
    element.hidden = false;
    const check = () => run(form, { answer: area.value, code: "here.serve()" });
    element.addEventListener("submit", (event) => { event.preventDefault(); check(); });
    area.addEventListener("input", () => {
      area.rows = Math.max(area.rows, area.value.split("\n").length + 1);
      kept.set(number, area.value);
    });
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) return check();
      const line = area.value.slice(0, area.selectionStart).split("\n").pop();
      const indent = line.match(/^ */)[0] + (line.replace(/#.*/, "").trimEnd().endsWith(":") ? "    " : "");
      area.setRangeText(`\n${indent}`, area.selectionStart, area.selectionEnd, "end");
      area.dispatchEvent(new Event("input"));
    });
    button("more").addEventListener("click", () => run(form, { code: `checks.more("${number}")` }));
    button("reset").addEventListener("click", () => {
      if (area.value !== stub && !window.confirm(`Throw your answer to ${number} away?`)) return;
      area.value = stub;
      kept.drop(number);
    });
    button("stop").addEventListener("click", () => {
      if (running !== form) return;
      end();
      say("Stopped.\n");
      finish();
    });
  }
})();
