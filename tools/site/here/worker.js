// The worker in which the site's Python runs: CoWasm's kernel in this very thread, so that no server and no headers are
// needed and the pages work as files. It gets files once, then runs one piece of code after another.
import { createFileSystem } from "wasi-js";
import bindings from "wasi-js/dist/bindings/browser";
import wasmImport from "@cowasm/kernel/dist/wasm/worker/import";
import posix from "@cowasm/kernel/dist/wasm/worker/posix-browser";

const LIB = "/usr/lib/python3.11";
const PYTHON = "/usr/lib/python.wasm";
const MEMORY = 1000; // megabytes
let fs;
let call;

async function start(files) {
  fs = createFileSystem([{ type: "zip", data: files["python-stdlib.zip"], mountpoint: LIB }, { type: "dev" }]);
  const decoder = new TextDecoder();
  const say = (data) => postMessage({ text: decoder.decode(data, { stream: true }) });
  const kernel = await wasmImport({
    source: "kernel.wasm",
    bindings: { ...bindings, fs, posix },
    options: {
      env: { PYTHONHOME: "/usr", PYTHONEXECUTABLE: PYTHON },
      sendStdout: say, sendStderr: say, getStdin: () => new Uint8Array(0), wasmEnv: { wasmGetSignalState: () => 0 },
      sleep: (milliseconds) => { for (const end = Date.now() + milliseconds; Date.now() < end;); },
    },
    importWebAssembly: async (_, given) => (await WebAssembly.instantiate(files["kernel.wasm"], given)).instance,
    importWebAssemblySync: (path, given) =>
      new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(fs.readFileSync(path))), given),
    readFileSync: (path) => fs.readFileSync(path),
    maxMemoryMB: MEMORY,
  });
  for (const [name, data] of Object.entries(files)) {
    if (!/kernel|stdlib/.test(name)) write(name === "python.wasm" ? PYTHON : `${LIB}/${name}`, data);
  }
  call = (name, text) => kernel.callWithString({ name, dll: PYTHON }, text);
  call("cowasm_python_init", "");
  call("cowasm_python_exec", "import cowasm_importer; cowasm_importer.init(); import here, checks");
}

function write(path, data) {
  fs.writeFileSync(path, new Uint8Array(data));
}

async function take({ files, task, answer, code }) {
  try {
    if (files) await start(files);
    if (task) write("/task", task);
    if (answer !== undefined) write("/answer", new TextEncoder().encode(answer));
    if (code) call("cowasm_python_exec", code);
    postMessage({ done: true });
  } catch (error) {
    postMessage({ text: `Python has stopped: ${error.message || error}\n`, done: true, dead: true });
  }
}

let turn = Promise.resolve(); // starting takes a while, and nothing may overtake it
onmessage = ({ data }) => { turn = turn.then(() => take(data)); };
