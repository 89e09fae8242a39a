// The part that must be JavaScript beside the entry module, so that traps are caught everywhere:
// the promises of waiting tasks outlive the wasm instance, and wasm is entered through `step`.
// wasm-bindgen copies this module beside its output. The entry module imports that same copy.

/**
 * Returns a request's method, its URL, and the headers of `RequestHeader::USUAL` in that order, a
 * line each. An absent header is an empty line; no value can hold a line feed.
 */
export function ask(request) {
  const { headers } = request;
  let encoding = headers.get("accept-encoding");
  // Cloudflare rewrites the header to this and keeps the original in `cf`, which the runtime
  // parses when it is first touched. So it is read only where it can make a difference.
  if (encoding === "br, gzip" || encoding === "gzip, br") {
    encoding = request.cf?.clientAcceptEncoding ?? encoding;
  }
  const line = (name) => `\n${headers.get(name) ?? ""}`;
  return `${request.method}\n${request.url}\n${encoding ?? ""}${line("host")}${
    line("if-match")}${line("if-modified-since")}${line("if-none-match")}${
    line("if-unmodified-since")}${line("range")}`;
}

/** Fulfils the promise of each waiting task, by the task's number. */
let tasks = new Map();
/** Goes up when the instance is replaced: tasks of an earlier one are not polled any more. */
let generation = 0;
let poll = null;
let trapped = null;

/** Sets how a task is polled, and who hears of a trap. */
export function connect(onPoll, onTrap) {
  poll = onPoll;
  trapped = onTrap;
}

/** Tells of a panic, while the instance is still on the stack. */
export function panicked() {
  trapped?.();
}

/** Gives up all tasks: fulfils their promises with `value` and polls none of them again. */
export function abandon(value) {
  generation += 1;
  const given = tasks;
  tasks = new Map();
  for (const fulfil of given.values()) fulfil(value);
}

/** Returns the promise of a task. */
export function promised(task) {
  return new Promise((fulfil) => tasks.set(task, fulfil));
}

/** Fulfils the promise of a task, if it has one. */
export function fulfil(task, value) {
  const known = tasks.get(task);
  tasks.delete(task);
  known?.(value);
}

/** Drops the promise of a task whose request is gone. */
export function forget(task) {
  tasks.delete(task);
}

/** Polls a task when the current one has stopped. */
export function soon(task) {
  queueMicrotask(step.bind(null, generation, task));
}

/** Polls a task when a promise settles; the outcome is for `slot`. */
export function wait(promise, task, slot) {
  const born = generation;
  promise.then(
    (value) => step(born, task, slot, true, value),
    (error) => step(born, task, slot, false, error),
  );
}

function step(born, task, slot, isFulfilled, value) {
  if (born !== generation) return;
  try {
    poll(task, slot ?? 0, isFulfilled ?? true, value);
  } catch (fault) {
    console.error(fault);
    trapped();
  }
}
