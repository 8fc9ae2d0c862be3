// Refreshes the calendar on the upload page while verdicts arrive.

import { loadPart, parse, replaceContent } from "../parts.mjs";
import { EXPECTED_TENANT } from "./requests.mjs";

const AT_MOST_EVERY_MS = 2_000;

export class Calendar {
  #askedAt = -Infinity;
  #timer = 0;
  #isAsking = false;

  /** @param {string} customer  the number of the one whose calendar this is */
  constructor(part, customer) {
    this.part = part;
    this.customer = customer;
  }

  /** Something has changed; look soon, but not at each file. */
  refreshSoon() {
    if (this.#timer || !this.part) return;
    const wait = Math.max(0, this.#askedAt + AT_MOST_EVERY_MS - performance.now());
    this.#timer = setTimeout(() => this.#refresh(), wait);
  }

  async #refresh() {
    this.#timer = 0;
    if (this.#isAsking) return this.refreshSoon();
    this.#isAsking = true;
    this.#askedAt = performance.now();
    const html = await this.#fetch();
    this.#isAsking = false;
    if (html !== null) this.#replace(html);
  }

  #fetch() {
    // The period stays the one that is looked at, also when another becomes urgent.
    const address = new URL(location.href);
    address.searchParams.set("period", this.part.dataset.period);
    address.hash = "";
    return loadPart(address, "period", { [EXPECTED_TENANT]: this.customer });
  }

  /** Replace the parts of the page that show the period; what receives files stays. */
  #replace(html) {
    const left = this.part.querySelector(".frame")?.scrollLeft;
    const fresh = parse(html);
    for (const part of this.part.querySelectorAll("[data-live]")) {
      const other = fresh.querySelector(`#${CSS.escape(part.id)}`);
      if (other) replaceContent(part, other);
    }
    // After the calendar's own script has brought its first missing day into view.
    requestAnimationFrame(() => {
      const frame = this.part.querySelector(".frame");
      if (frame && left !== undefined) frame.scrollLeft = left;
    });
  }
}
