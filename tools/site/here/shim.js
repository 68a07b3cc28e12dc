// What CoWasm's kernel expects of Node.
import { Buffer } from "buffer";
import process from "process/browser";

Object.assign(process, { argv: ["python"], pid: 1, cwd: () => "/" });
globalThis.Buffer = Buffer;
globalThis.process = process;
export { Buffer, process };
