// Estimates the remaining time from the speed of the last seconds only.

const WINDOW_MS = 12_000;

/** Less than this says too little to tell a time by. */
const LEAST_MS = 1_500;

export class Speed {
  /** @type {{at: number, bytes: number}[]} */
  #notes = [];

  restart() {
    this.#notes = [];
  }

  /** Note how many bytes have left in all. */
  note(bytes, at = performance.now()) {
    this.#notes.push({ at, bytes });
    while (this.#notes.length > 2 && this.#notes[0].at < at - WINDOW_MS) this.#notes.shift();
  }

  /** @returns {number|null} seconds for so many bytes more, null where nothing moves */
  secondsFor(bytes) {
    const first = this.#notes[0];
    const last = this.#notes.at(-1);
    const moved = last && last.bytes - first.bytes;
    if (!moved || moved < 0 || last.at - first.at < LEAST_MS) return null;
    return (bytes * (last.at - first.at)) / moved / 1000;
  }
}
