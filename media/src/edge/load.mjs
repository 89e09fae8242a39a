// Limits the work of an isolate: few bodies in memory, few requests that wait.

const MIB = 1024 * 1024;

/** Requests with a body in memory: one is rendered while the next one is read. */
const ACTIVE_MAX = 2;
/** Maximum size of their bodies together, if there are two. An isolate has 128 MiB. */
const ACTIVE_BYTES_MAX = 32 * MIB;
/** A request whose client left never ends, so it counts for no longer than this. */
const ACTIVE_MS_MAX = 15_000;
/** Requests that wait, their bodies unread. More would wait for seconds. */
const WAITING_MAX = 16;
const WAITING_MS_MAX = 5_000;
/** Interval of looks for room. A request can't await a promise that another one fulfils. */
const POLL_MS = 10;

/** A set of requests, each with a number of bytes. */
class Requests {
  #entries = new Set();
  #msMax;

  constructor(msMax) {
    this.#msMax = msMax;
  }

  add(bytes) {
    const entry = { since: Date.now(), bytes };
    this.#entries.add(entry);
    return entry;
  }

  delete(entry) {
    this.#entries.delete(entry);
  }

  /** Returns how many there are, and their bytes. */
  total() {
    let bytes = 0;
    for (const entry of this.#entries) {
      if (Date.now() - entry.since > this.#msMax) this.#entries.delete(entry);
      else bytes += entry.bytes;
    }
    return { count: this.#entries.size, bytes };
  }
}

const active = new Requests(ACTIVE_MS_MAX);
const waiting = new Requests(WAITING_MS_MAX);

function hasRoom(bytes) {
  const { count, bytes: held } = active.total();
  return count === 0 || (count < ACTIVE_MAX && held + bytes <= ACTIVE_BYTES_MAX);
}

/** Waits for room for a body of `bytes` bytes. Returns whether there is. */
async function wait(bytes) {
  if (waiting.total().count >= WAITING_MAX) return false;
  const entry = waiting.add(0);
  let room = false;
  for (let waited = 0; !room && waited < WAITING_MS_MAX; waited += POLL_MS) {
    await scheduler.wait(POLL_MS);
    room = hasRoom(bytes);
  }
  waiting.delete(entry);
  return room;
}

/**
 * Calls `work` as soon as there is room for a body of `bytes` bytes, and resolves to its result.
 * Throws `busy` if there is none for too long.
 */
export async function admitted(bytes, busy, work) {
  if (!hasRoom(bytes) && !(await wait(bytes))) throw busy;
  const entry = active.add(bytes);
  try {
    return await work();
  } finally {
    active.delete(entry);
  }
}
