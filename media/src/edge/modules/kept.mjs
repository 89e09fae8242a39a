// Keeps the instance of a wasm module between calls.

/** Linear memory never shrinks: an instance with more of it is dropped after use. */
export const MEMORY_BYTES_MAX = 64 * 1024 * 1024;

let instances = 0;

/** Returns how many modules have been instantiated; a test proves that a stored hit needs none. */
export const instantiated = () => instances;

/** A module whose one instance is made when first needed, and dropped after a fault. */
export class Kept {
  #load;
  #start;
  #instance = null;

  /**
   * `load` resolves to whatever `start` needs. `start` is synchronous, because two requests must
   * not wait for one promise, and returns an object with a `memory`.
   */
  constructor(load, start) {
    this.#load = load;
    this.#start = start;
  }

  /** Resolves to the result of the synchronous `work` on the instance. */
  async use(work) {
    const loaded = await this.#load();
    if (!this.#instance) {
      this.#instance = this.#start(loaded);
      instances += 1;
    }
    const { memory } = this.#instance;
    try {
      return work(this.#instance);
    } catch (fault) {
      // After a trap, the memory can't be trusted.
      this.#instance = null;
      throw fault;
    } finally {
      if (memory.buffer.byteLength > MEMORY_BYTES_MAX) this.#instance = null;
    }
  }
}
