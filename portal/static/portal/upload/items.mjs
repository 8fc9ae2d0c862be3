// One file of an upload, and the queues in which files wait.

/** Steps on a file's way, and how it can end. */
export const WAITING = "waiting";
export const SENDING = "sending";
export const CHECKING = "checking";
export const ACCEPTED = "accepted";
export const HELD = "held";
export const RECEIVED = "received";
export const REJECTED = "rejected";
/** It is here, and billing staff have decided that it does not count. */
export const REFUSED = "refused";
export const HERE = "already here";
export const FAILED = "failed";
export const UNREADABLE = "unreadable";
export const STOPPED = "stopped";

/** What needs attention comes first. */
export const ORDER = [
  ...[FAILED, UNREADABLE, REJECTED, REFUSED, HELD, STOPPED],
  ...[SENDING, CHECKING, WAITING, RECEIVED, ACCEPTED, HERE],
];

const ENDS = new Set([
  ...[ACCEPTED, HELD, RECEIVED, REJECTED, REFUSED, HERE],
  ...[FAILED, UNREADABLE, STOPPED],
]);

/** The portal has them: nothing more is to be done with these bytes. */
export const KEPT = new Set([ACCEPTED, HELD, RECEIVED, REFUSED, HERE]);

/** Ends that sending again can mend. */
export const UNSENT = new Set([FAILED, UNREADABLE, STOPPED]);

/** Why a file could not be read, by the browser's name for it. */
const UNREADABLE_CODES = {
  NotReadableError: "unreadable-open",
  NotFoundError: "unreadable-gone",
  NotAllowedError: "unreadable-forbidden",
  SecurityError: "unreadable-forbidden",
};

/**
 * The code of `usage/uploads/failure_text.py`, or of the portal's refusal, for a file
 * that the portal has no row of; "" where there is nothing to say.
 */
export function failureCode({ state, row, told }) {
  if (row) return "";
  if (state === UNREADABLE) return UNREADABLE_CODES[told?.code] ?? "unreadable-changed";
  if (state === REJECTED) return "too-large";
  if (state === STOPPED) return "stopped";
  return state === FAILED ? told?.code || "no-answer" : "";
}

/** The end of a file that the portal already has: its state, unless it is accepted. */
export function endOf(row) {
  return row.state === ACCEPTED ? HERE : row.state;
}

/**
 * The name with U+FFFD for each half of a surrogate pair. Windows allows halves in names,
 * and neither an address nor a report can carry them.
 */
function wellFormed(name) {
  return name.toWellFormed?.() ?? name.replace(/\p{Surrogate}/gu, "\u{FFFD}");
}

export class Item {
  state = WAITING;
  size = 0;
  /** Bytes that have left for the portal. */
  sent = 0;
  /** Sendings that came to nothing. */
  tries = 0;
  /** @type {Uint8Array|null} */
  sha256 = null;
  /** What it is asked for by, in hexadecimal: its hash, or its last bytes. */
  known = "";
  /** The portal's row, once it has answered for the file. */
  row = null;
  /** Why it ended as it did, where the portal has no row of it. */
  told = null;
  /** Found here by asking, so that it was not sent. */
  isUnsent = false;
  isNeeded = false;
  /** Whether it was sent and no answer arrived. */
  isStalled = false;
  /** Counts the changes, so that only what has changed is drawn again. */
  version = 0;
  #begun = 0;

  /** @param {import("./gather.mjs").Found} found */
  constructor(number, found) {
    this.number = number;
    this.name = wellFormed(found.name);
    this.path = found.path;
    this.open = found.open;
  }

  get hasEnded() {
    return ENDS.has(this.state);
  }

  measure(size) {
    this.size = size;
    this.version += 1;
  }

  /** Returns a function that is true while the current attempt at the item goes on. */
  currentAttempt() {
    const begun = this.#begun;
    return () => this.#begun === begun && !this.hasEnded;
  }

  /** Begin anew; what is still under way for it comes to nothing. */
  begin() {
    this.#begun += 1;
    this.tries = 0;
  }

  /** Equal for two files of the same content; "" where that is not known. */
  get content() {
    return this.known ? `${this.size} ${this.known}` : "";
  }

  /** Read afresh at the next try: the file may have changed since. */
  forget() {
    this.sha256 = null;
    this.known = "";
    this.sent = 0;
    this.told = null;
    this.isStalled = false;
  }
}

/** Files of the same content: the first is sent, the others wait for its end. */
export class Duplicates {
  #firsts = new Map();
  #others = new Map();

  /** Let the item wait for an earlier one of its content; false if it is the first. */
  waitForFirst(item) {
    const first = this.#firsts.get(item.content);
    if (!first || first === item || first.hasEnded) {
      this.#firsts.set(item.content, item);
      return false;
    }
    const others = this.#others.get(first) ?? [];
    others.push(item);
    this.#others.set(first, others);
    return true;
  }

  /** Those that have waited for an item; they do so no longer. */
  release(first) {
    const others = this.#others.get(first) ?? [];
    this.#others.delete(first);
    return others;
  }

  clear() {
    this.#firsts.clear();
    this.#others.clear();
  }
}

/** First in, first out, at the same cost however many wait. */
export class Queue {
  #items = [];
  #next = 0;

  get length() {
    return this.#items.length - this.#next;
  }

  push(item) {
    this.#items.push(item);
  }

  /** @returns {Item|undefined} */
  take() {
    const item = this.#items[this.#next];
    this.#items[this.#next] = undefined;
    this.#next += 1;
    if (this.#next >= this.#items.length) {
      this.#items = [];
      this.#next = 0;
    }
    return item;
  }

  takeUpTo(most) {
    const taken = [];
    while (taken.length < most && this.length) taken.push(this.take());
    return taken;
  }
}
