// Pauses an upload while it cannot go on, and checks when it can: the person's pause, a
// lost connection, a busy portal, a sign-in that has expired, another customer chosen
// in another window.

import { Backoff } from "../exchange.mjs";

/** Seconds to leave a busy portal alone where it does not say so itself. */
const BUSY = 15;

/** Told first what only the person can end. */
const ORDER = [
  ...["somebody-else", "switched", "signed-out", "paused", "no-line", "stalled", "busy"],
];

/** Reasons that pass by themselves. */
const PASSING = ["no-line", "stalled", "busy"];

/** The session is not this upload's: they hold until a person has signed in, or back. */
const OUT = ["somebody-else", "switched", "signed-out"];

export class Pauses {
  #held = new Set();
  #timer = 0;
  #backoff = new Backoff();
  #isLooking = false;
  /** When it is tried again by itself, as `Date.now` counts. */
  againAt = 0;

  /** @param {import("./requests.mjs").Portal} portal */
  constructor(portal, { isGoing, onChange }) {
    this.portal = portal;
    this.onChange = onChange;
    addEventListener("offline", () => isGoing() && this.add("no-line"));
    addEventListener("online", () => this.checkNow());
    // Somebody comes back from signing in, or to a page that was asleep.
    addEventListener("focus", () => this.#isOut && this.checkNow());
    addEventListener("pageshow", (event) => event.persisted && this.checkNow());
  }

  get isHeld() {
    return this.#held.size > 0;
  }

  /** The one to speak of, "" when nothing holds. */
  get foremost() {
    return ORDER.find((name) => this.#held.has(name)) ?? "";
  }

  has(name) {
    return this.#held.has(name);
  }

  add(name) {
    if (this.#held.has(name)) return;
    this.#held.add(name);
    if (name === "no-line" || name === "stalled") this.#checkAfter(this.#backoff.next());
    this.onChange();
  }

  release(...names) {
    const before = this.#held.size;
    for (const name of names) this.#held.delete(name);
    if (this.#held.size !== before) this.onChange();
  }

  clear() {
    clearTimeout(this.#timer);
    this.#backoff.reset();
    this.release(...ORDER);
  }

  /** Pause as an answer requires that is not about one file. */
  apply(answer) {
    if (answer.kind === "signed-out") this.add("signed-out");
    else if (answer.kind === "switched") {
      this.add("switched");
      // It may as well be another person who has signed in: the page says which.
      this.checkNow();
    }
    else if (answer.kind === "no-line" || answer.kind === "stalled") this.add(answer.kind);
    else if (answer.kind === "again") {
      this.#checkAfter(answer.seconds ?? BUSY);
      this.add("busy");
    }
  }

  /** Check with the portal whether the upload can go on; update the reasons to pause. */
  async checkNow() {
    if (this.#isLooking || !this.#isWaiting) return;
    this.#isLooking = true;
    clearTimeout(this.#timer);
    const { portal } = this;
    const answer = await (this.#isOut ? portal.checkSessionAfterSignIn() : portal.checkSession());
    this.#isLooking = false;
    if (!this.#isWaiting) return;
    if (answer.kind === "answers") {
      this.#backoff.reset();
      this.release(...PASSING, ...OUT);
    } else if (OUT.includes(answer.kind)) {
      for (const name of [...PASSING, ...OUT]) this.#held.delete(name);
      this.#held.add(answer.kind);
      this.onChange();
    } else if (answer.kind === "refused" && !this.#isOut) {
      // There is a connection again, and each file gets the refusal as its own answer.
      this.release(...PASSING);
    } else {
      this.#checkAfter(answer.seconds ?? this.#backoff.next());
      this.onChange();
    }
  }

  get #isWaiting() {
    return [...PASSING, ...OUT].some((name) => this.#held.has(name));
  }

  get #isOut() {
    return OUT.some((name) => this.#held.has(name));
  }

  #checkAfter(seconds) {
    clearTimeout(this.#timer);
    this.againAt = Date.now() + seconds * 1000;
    this.#timer = setTimeout(() => this.checkNow(), seconds * 1000);
  }
}
