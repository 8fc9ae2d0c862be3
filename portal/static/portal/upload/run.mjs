// Runs an upload from the first file to the last verdict: each file is read, checked
// with the portal, sent if it is needed, and ends in one state. Independent of the
// page.

import { identify, queryFor, sha256, tail } from "./digest.mjs";
import { Pauses } from "./pauses.mjs";
import * as items from "./items.mjs";

const { Item, Queue, Duplicates } = items;

/** Files read at a time; each may be in memory as a whole while it is hashed. */
const READ_AT_ONCE = 3;
const SEND_AT_ONCE = 4;

/** As many as one question can be about. */
const ASK_AT_MOST = 1000;

/** A question waits this long for company, so that the first files are sent soon. */
const ASK_AFTER_MS = 300;

/** Sendings of one file before it is left to its person. */
const TRIES = 5;

/** A random UUID, also where the browser offers none: on plain http. */
function newKey() {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-8$4-$5");
}

export class Run extends EventTarget {
  /** @type {Item[]} */
  items = [];
  counts = Object.fromEntries(items.ORDER.map((state) => [state, 0]));
  /** What of the files that the portal needs has left, and all of them, in bytes. */
  bytesSent = 0;
  bytesNeeded = 0;
  beganAt = null;
  /** The id that this upload is stored under. */
  key = newKey();
  isStopped = false;

  #unread = new Queue();
  #unasked = new Queue();
  #needed = new Queue();
  #reading = 0;
  #asking = 0;
  #askAt = 0;
  #sending = new Set();
  #twins = new Duplicates();

  /** @param {import("./requests.mjs").Portal} portal */
  constructor(portal, { maxBytes = Infinity } = {}) {
    super();
    this.portal = portal;
    this.maxBytes = maxBytes;
    this.holds = new Pauses(portal, {
      isGoing: () => this.isGoing,
      onChange: () => this.#onHold(),
    });
  }

  get isGoing() {
    return this.unfinished > 0;
  }

  get ended() {
    return this.items.length - this.unfinished;
  }

  get unfinished() {
    const { waiting, sending, checking } = this.counts;
    return waiting + sending + checking;
  }

  /** Read and asked for, or already at its end: how far the looking has come. */
  get looked() {
    const ahead = this.#unread.length + this.#reading + this.#unasked.length + this.#asking;
    return this.items.length - ahead;
  }

  /** @param {import("./gather.mjs").Found[]} found */
  add(found) {
    if (!this.isGoing) this.beganAt = new Date();
    this.isStopped = false;
    for (const one of found) {
      const item = new Item(this.items.length, one);
      this.items.push(item);
      this.counts[item.state] += 1;
      this.#setState(item, items.WAITING);
      this.#unread.push(item);
    }
    this.#emit("began");
    this.#pump();
  }

  /** Forget what has ended, for a list of its own. */
  clear() {
    this.key = newKey();
    this.items = [];
    this.#twins.clear();
    for (const state of items.ORDER) this.counts[state] = 0;
    this.bytesSent = this.bytesNeeded = 0;
  }

  /** End what is under way; what has a verdict keeps it. */
  stop() {
    this.isStopped = true;
    const lines = [this.#unread, this.#unasked, this.#needed];
    for (const line of lines) line.takeUpTo(Infinity);
    this.#twins.clear();
    this.holds.clear();
    for (const item of this.items) if (!item.hasEnded) this.#finish(item, items.STOPPED);
    for (const abort of this.#sending) abort.abort();
  }

  /** Try again what did not reach the portal, and nothing else. */
  retry() {
    this.isStopped = false;
    this.beganAt = new Date();
    for (const item of this.items.filter((one) => items.UNSENT.has(one.state))) {
      item.begin();
      this.#setNeeded(item, false);
      item.forget();
      this.#setState(item, items.WAITING);
      this.#unread.push(item);
    }
    this.#emit("began");
    this.#pump();
  }

  /** Whatever there is to do and may be done now, is begun. */
  #pump() {
    if (this.holds.isHeld) return;
    while (this.#reading < READ_AT_ONCE && this.#unread.length) this.#read(this.#unread.take());
    if (this.#unasked.length && !this.#asking && this.#isTimeToCheck()) this.#check();
    while (this.#sending.size < SEND_AT_ONCE && this.#needed.length) {
      this.#send(this.#needed.take());
    }
  }

  #isTimeToCheck() {
    const isAlone = !this.#unread.length && !this.#reading;
    return isAlone || this.#unasked.length >= ASK_AT_MOST || performance.now() >= this.#askAt;
  }

  async #read(item) {
    this.#reading += 1;
    const isStill = item.currentAttempt();
    let problem = null;
    try {
      const file = await item.open();
      item.measure(file.size);
      if (file.size > this.maxBytes) problem = [items.REJECTED, "file-too-large"];
      else await identify(item, file);
    } catch (error) {
      problem = [items.UNREADABLE, error.name];
    }
    this.#reading -= 1;
    if (!isStill()) return this.#pump();
    if (!this.#unasked.length) this.#askAt = performance.now() + ASK_AFTER_MS;
    if (problem) this.#finish(item, problem[0], { code: problem[1] });
    // What is too short for a signature cannot be asked for: it is sent.
    else if (item.content) this.#unasked.push(item);
    else this.#setNeeded(item, true);
    this.#pump();
  }

  async #check() {
    const taken = this.#unasked.takeUpTo(ASK_AT_MOST);
    const turns = taken.map((item) => item.currentAttempt());
    this.#asking = taken.length;
    const answer = await this.portal.check(taken.map(queryFor));
    this.#asking = 0;
    taken.forEach((item, at) => {
      if (!turns[at]()) return;
      if (answer.kind === "answers") this.#handleCheck(item, answer.files[at]);
      else if (answer.kind === "refused") this.#finish(item, items.FAILED, answer);
      else this.#unasked.push(item);
    });
    if (answer.kind !== "answers" && answer.kind !== "refused") this.holds.apply(answer);
    this.#pump();
  }

  #handleCheck(item, { is_needed: isNeeded, file }) {
    if (!isNeeded) {
      item.row = file;
      // The file had arrived and only its answer was lost: use the stored verdict.
      item.isUnsent = !item.isStalled;
      if (item.isStalled) this.#progress(item, item.size);
      this.#finish(item, item.isStalled ? file.state : items.endOf(file));
      return;
    }
    if (!this.#twins.waitForFirst(item)) this.#setNeeded(item, true);
  }

  #setNeeded(item, isNeeded) {
    if (item.isNeeded !== isNeeded) this.bytesNeeded += isNeeded ? item.size : -item.size;
    item.isNeeded = isNeeded;
    if (isNeeded) this.#needed.push(item);
    else this.#progress(item, 0);
  }

  async #send(item) {
    const abort = new AbortController();
    this.#sending.add(abort);
    const isStill = item.currentAttempt();
    this.#setState(item, items.SENDING);
    let answer;
    try {
      const file = await item.open();
      // It has grown since it was read: what was asked for is not what would be sent.
      if (file.size !== item.size) answer = { kind: "again", isDamaged: true };
      else {
        item.sha256 ??= await sha256(file);
        const onProgress = (sent) => isStill() && this.#progress(item, sent);
        const options = { upload: this.key, onProgress, signal: abort.signal };
        answer = await this.portal.send(item, file, options);
        // A file that can no longer be read looks like a lost line.
        if (answer.kind === "no-line") await tail(file).then(() => file.slice(0, 1).arrayBuffer());
      }
    } catch (error) {
      answer = { kind: "unreadable", code: error.name };
    }
    this.#sending.delete(abort);
    if (isStill()) this.#handleAnswer(item, answer);
    this.#pump();
  }

  #handleAnswer(item, answer) {
    if (answer.kind === "verdict") {
      item.row = answer.file;
      this.#progress(item, item.size);
      const isHere = answer.verdict === items.HERE;
      this.#finish(item, isHere ? items.endOf(answer.file) : answer.verdict);
    } else if (answer.kind === "unreadable") this.#finish(item, items.UNREADABLE, answer);
    else if (answer.kind === "refused") this.#finish(item, items.FAILED, answer);
    else this.#retryLater(item, answer);
  }

  /** End a file as failed, unless it has arrived and only its answers were lost. */
  async #giveUp(item, told) {
    const isStill = item.currentAttempt();
    this.#setState(item, items.CHECKING);
    const answer = item.content ? await this.portal.check([queryFor(item)]) : null;
    if (!isStill()) return;
    const file = answer?.kind === "answers" ? answer.files[0]?.file : null;
    if (file) {
      item.row = file;
      this.#progress(item, item.size);
      this.#finish(item, file.state);
    } else this.#finish(item, items.FAILED, told);
    this.#pump();
  }

  /** Send it once more, after a wait that grows; not for ever. */
  #retryLater(item, answer) {
    this.#progress(item, 0);
    if (!["signed-out", "switched"].includes(answer.kind)) item.tries += navigator.onLine ? 1 : 0;
    if (item.tries >= TRIES) {
      const isUnsteady = answer.isDamaged && !answer.title;
      const told = answer.kind === "stalled" ? { code: "stalled" } : answer;
      if (isUnsteady) this.#finish(item, items.UNREADABLE, told);
      else this.#giveUp(item, told);
      return;
    }
    item.isStalled = answer.kind === "stalled";
    this.#setState(item, items.WAITING);
    const isOurs = answer.kind === "again" && answer.seconds === null;
    if (!answer.isDamaged && !isOurs && !item.isStalled) {
      this.#needed.push(item);
      this.holds.apply(answer);
      return;
    }
    const isStill = item.currentAttempt();
    setTimeout(() => {
      if (!isStill()) return;
      if (answer.isDamaged) {
        this.#setNeeded(item, false);
        item.forget();
        this.#unread.push(item);
      } else if (item.isStalled && item.content) {
        // The file may have arrived: checking costs less than sending it again.
        this.#askAt = 0;
        this.#unasked.push(item);
      } else this.#needed.push(item);
      this.#pump();
    }, 500 * 2 ** item.tries);
  }

  #progress(item, sent) {
    // The request's own head is counted by no browser, its body by all.
    const now = Math.min(sent, item.size);
    this.bytesSent += now - item.sent;
    item.sent = now;
    item.version += 1;
    const isAllSent = item.state === items.SENDING && sent >= item.size && sent > 0;
    if (isAllSent) this.#setState(item, items.CHECKING);
    else this.#emit("progress");
  }

  #finish(item, state, told = null) {
    item.told = told;
    if (items.UNSENT.has(state)) this.#progress(item, 0);
    this.#setState(item, state);
    for (const twin of this.#twins.release(item)) this.#finishDuplicate(twin, item);
    if (!this.isGoing) this.#emit("done");
  }

  /** The same content once more: it need not be sent twice. */
  #finishDuplicate(twin, first) {
    if (twin.hasEnded) return;
    if (items.KEPT.has(first.state)) {
      twin.row = first.row;
      twin.isUnsent = true;
      this.#finish(twin, items.endOf(first.row));
    } else this.#setNeeded(twin, true);
  }

  #setState(item, state) {
    this.counts[item.state] -= 1;
    this.counts[state] += 1;
    const before = item.state;
    item.state = state;
    item.version += 1;
    this.dispatchEvent(new CustomEvent("moved", { detail: { item, before } }));
  }

  #onHold() {
    this.#emit("held");
    this.#pump();
  }

  #emit(what) {
    this.dispatchEvent(new Event(what));
  }
}
