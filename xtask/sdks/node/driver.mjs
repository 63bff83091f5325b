// What the Node drivers share: the emulators and their control, and one JSON line per operation.
//
// Nothing secret is ever printed: a failure shows the driver's own words or the error's class, never its text.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

// How long a client told to give up after TIMEOUT milliseconds is watched, and one that cannot be told so.
export const TIMEOUT = 1000;
const PATIENCE = 4000;

// The first characters of every secret that the emulators make here.
export const MARK = "Cnry";

/** The client did something else than the operation promises; the text is the driver's own. */
class Wrong extends Error {}

/** The client has no way to do this; the text says why. */
export class Cannot extends Error {}

export function expect(holds, otherwise) {
  if (!holds) throw new Wrong(otherwise);
}

const print = process.stdout.write.bind(process.stdout);

function say(line) {
  print(JSON.stringify(line) + "\n");
}

export function about(name, over) {
  // Read from what was installed; the packages do not export their own package.json.
  const version = (name) =>
    JSON.parse(readFileSync(new URL(`./node_modules/${name}/package.json`, import.meta.url))).version;
  const libraries = over.map((name) => `${name} ${version(name)}`);
  say({ client: name, source: "npm", version: version(name), over: [`Node ${process.versions.node}`, ...libraries] });
}

/** Runs one operation and reports it; a returned text is what the table adds to an ok. */
export async function operation(subject, name, run) {
  const line = { subject, operation: name };
  try {
    const note = await run();
    line.result = "ok";
    if (note) line.note = note;
  } catch (error) {
    if (error instanceof Cannot) Object.assign(line, { result: "cannot", why: error.message });
    else if (error instanceof Wrong) Object.assign(line, { result: "failed", why: error.message });
    else Object.assign(line, { result: "failed", why: `threw ${kind(error)}` });
  }
  say(line);
}

/** Reports what was observed; the verdict is yes, no, or buried: there, but only inside an error. */
export function score(subject, name, verdict, observed) {
  if (typeof verdict === "boolean") verdict = verdict ? "yes" : "no";
  say({ subject, score: name, verdict, observed });
}

export function kind(value) {
  return value?.constructor?.name ?? typeof value;
}

/** The error that a call ends in; anything else is wrong. */
export async function throws(errorClass, call, otherwise) {
  const [how, what] = await outcome(call);
  expect(how === "threw" && what instanceof errorClass, otherwise);
  return what;
}

/** What a call ends in: its value, or the error it throws. */
export async function outcome(call) {
  try {
    return ["returned", await call()];
  } catch (error) {
    return ["threw", error];
  }
}

/** The emulators that the command started, as told in one JSON line on stdin. */
export class Emulator {
  static async connect() {
    const lines = createInterface({ input: process.stdin });
    for await (const line of lines) {
      const emulator = new Emulator();
      emulator.all = JSON.parse(line);
      await emulator.control("POST", "reset");
      return emulator;
    }
    throw new Error("nothing came on stdin");
  }

  vendor(name) {
    return this.all.vendors[name];
  }

  async control(method, path, body) {
    const answer = await fetch(this.all.control_url + path, { method, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`the control answers ${answer.status}`);
    return answer.json();
  }

  behave(name, value) {
    return this.control("POST", "behaviours", { name, value });
  }

  /** How many requests for this operation arrived, whatever became of them. */
  async seen(operation) {
    const { log } = await this.control("GET", "log");
    return log.filter((entry) => entry.operation === operation).length;
  }

  /** Runs a call while a fault is set. */
  async during(fault, run) {
    await this.control("POST", "faults", { fault });
    try {
      return await run();
    } finally {
      await this.control("DELETE", "faults");
      await this.control("POST", "release");
    }
  }
}

/** Status and JSON body of a plain form POST, for what a client has no call for. */
export async function postForm(url, fields, basic) {
  const headers = {};
  if (basic) headers.authorization = "Basic " + Buffer.from(basic.map(encodeURIComponent).join(":")).toString("base64");
  const answer = await fetch(url, { method: "POST", body: new URLSearchParams(fields), headers });
  return { status: answer.status, body: await answer.json() };
}

/** Runs a call that may never return: how it ended within the patience, and after how long. */
export async function watched(call) {
  const started = performance.now();
  const pending = outcome(call);
  let timer;
  const silent = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE, ["silent", pending])));
  const [how, what] = await Promise.race([pending, silent]);
  clearTimeout(timer);
  return { how, what, took: ((performance.now() - started) / 1000).toFixed(1) };
}

export function stillWaiting() {
  return `still waiting after ${PATIENCE / 1000} s`;
}

/** Where `needle` can be reached from a value, by its own properties and items; undefined if nowhere. */
export function find(root, needle) {
  const seen = new Set();
  const todo = [[kind(root), root]];
  while (todo.length > 0) {
    const [path, item] = todo.shift();
    if (typeof item === "string") {
      if (item.includes(needle)) return path;
    } else if (item instanceof Uint8Array) {
      if (Buffer.from(item).includes(needle)) return path;
    } else if (item !== null && typeof item === "object" && !seen.has(item)) {
      seen.add(item);
      // A stack is text for people; what only stands there is not kept.
      const names = Object.getOwnPropertyNames(item).filter((name) => name !== "stack");
      for (const name of names) todo.push([`${path}.${name}`, Object.getOwnPropertyDescriptor(item, name).value]);
      if (item instanceof Map) for (const [key, value] of item) todo.push([`${path}[${String(key)}]`, value]);
    }
  }
  return undefined;
}

/** Whether the bytes of an answer that was cut behind its secret are still there. */
export function cutScore(subject, how, what) {
  const path = find(what, MARK);
  const verdict = path === undefined ? "no" : how === "returned" ? "yes" : "buried";
  score(subject, "cut_body", verdict, `${how} ${kind(what)}; the bytes are ${path ? `in ${path}` : "gone"}`);
}

/** Everything that is written to the console and the two outputs during a call. */
export async function written(run) {
  const text = [];
  const spied = ["stdout", "stderr"].map((name) => [process[name], process[name].write]);
  for (const [stream] of spied) stream.write = (chunk) => text.push(String(chunk)) > 0;
  try {
    await run();
  } finally {
    for (const [stream, write] of spied) stream.write = write;
  }
  return text.join("");
}

export function times(count) {
  return count === 1 ? "once" : `${count} times`;
}
