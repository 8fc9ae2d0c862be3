// Reports an upload to the portal while it runs, so that it can be looked at again:
// what was chosen, and how each file ended. Files do not wait for reports.

import { Backoff } from "../exchange.mjs";
import { failureCode } from "./items.mjs";

/** Files that end within this time are reported together. */
const GATHER_MS = 2_000;

/** Items in one report of this page, and items that the portal stores of an upload. */
const AT_ONCE = 500;
const STORED = 20_000;

/** Items in a report of a page that is being left: browsers send at most 64 KiB. */
const AT_LAST = 200;

export class Reporter extends EventTarget {
  /** Number of dropped files that are not usage files. */
  others = 0;
  #pending = new Map();
  #step = 0;
  #timer = 0;
  #isSending = false;
  #isDue = false;
  #backoff = new Backoff();

  /** @param {import("./run.mjs").Run} run @param {import("./requests.mjs").Portal} portal */
  constructor(run, portal) {
    super();
    this.run = run;
    this.portal = portal;
    run.addEventListener("began", () => this.#sendAfter(0));
    run.addEventListener("moved", ({ detail }) => this.#moved(detail.item));
    run.addEventListener("done", () => this.#sendAfter(0));
  }

  /** Another upload begins; unsent reports of the last one are dropped. */
  clear() {
    this.#pending.clear();
    this.#step = 0;
    this.others = 0;
  }

  /** The page is being left; nobody waits for an answer. */
  leave() {
    if (!this.#step || (!this.run.isGoing && !this.#pending.size)) return;
    const some = [...this.#pending.values()].slice(0, AT_LAST);
    const isLeft = this.run.isGoing;
    // An upload that has ended stays ended, even if its last report is on its way.
    const isLast = !isLeft && some.length === this.#pending.size;
    this.portal.reportLast(this.run.key, this.#report(some, { isLast, isLeft }));
  }

  #moved(item) {
    if (!item.hasEnded || item.number >= STORED) return;
    this.#pending.set(item.number, item);
    if (!this.#timer) this.#sendAfter(GATHER_MS);
  }

  #sendAfter(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), wait);
  }

  async #send() {
    this.#timer = 0;
    this.#isDue = true;
    if (this.#isSending) return;
    this.#isSending = true;
    const { key } = this.run;
    while (this.#isDue && key === this.run.key) {
      this.#isDue = false;
      await this.#sendSome(key);
    }
    this.#isSending = false;
    if (key !== this.run.key) this.#sendAfter(0);
  }

  async #sendSome(key) {
    const some = [...this.#pending.values()].slice(0, AT_ONCE);
    const versions = some.map((item) => item.version);
    const isLast = !this.run.isGoing && some.length === this.#pending.size;
    const report = this.#report(some, { isLast });
    const answer = await this.portal.report(key, report);
    if (key !== this.run.key) return;
    if (answer.kind !== "answers") {
      if (answer.kind !== "refused") {
        this.#sendAfter(1000 * (answer.seconds ?? this.#backoff.next()));
        return;
      }
      // Sent again, these items would be refused again: the upload goes on without them,
      // so that its end is reported. A refusal of a report without items is permanent.
      this.#forget(some, versions);
      this.#isDue ||= some.length > 0;
      return;
    }
    this.#backoff.reset();
    this.#forget(some, versions);
    this.#isDue ||= this.#pending.size > 0 && !this.#timer;
    const detail = { address: answer.address, isLast };
    this.dispatchEvent(new CustomEvent("reported", { detail }));
  }

  /** Drop what was reported, unless it has changed since. */
  #forget(some, versions) {
    some.forEach((item, at) => {
      if (item.version === versions[at]) this.#pending.delete(item.number);
    });
  }

  #report(some, { isLast = false, isLeft = false }) {
    this.#step += 1;
    const { items } = this.run;
    return {
      ...{ step: this.#step, files: items.length, others: this.others },
      bytes: items.reduce((sum, item) => sum + item.size, 0),
      ...{ is_ended: isLast, is_left: isLeft },
      items: some.map((item) => ({
        ...{ number: item.number, name: item.name.slice(0, 1000), size: item.size },
        ...{ outcome: item.state, code: failureCode(item) },
        status: item.row ? null : (item.told?.status ?? null),
        file: item.row?.id ?? null,
      })),
    };
  }
}
