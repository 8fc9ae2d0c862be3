// Refreshes the calendar on the upload page while verdicts arrive.

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

  async #fetch() {
    // The period stays the one that is looked at, also when another becomes urgent.
    const address = new URL(location.href);
    address.searchParams.set("period", this.part.dataset.period);
    address.hash = "";
    try {
      const headers = { "X-Part": "period", [EXPECTED_TENANT]: this.customer };
      const response = await fetch(address, { headers, redirect: "manual" });
      return response.ok ? await response.text() : null;
    } catch {
      return null;
    }
  }

  #replace(html) {
    const { part } = this;
    const where = part.contains(document.activeElement) ? document.activeElement : null;
    const frame = part.querySelector(".frame");
    const left = frame?.scrollLeft ?? 0;
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    part.replaceChildren(...fresh.childNodes);
    // After the calendar's own script has brought its first missing day into view.
    requestAnimationFrame(() => {
      const again = part.querySelector(".frame");
      if (again && frame) again.scrollLeft = left;
      if (where) sameIn(part, where)?.focus({ preventScroll: true });
    });
  }
}

/** The element that stands where another one stood before it was replaced. */
function sameIn(part, element) {
  if (element.id) return part.querySelector(`#${CSS.escape(element.id)}`);
  const href = element.getAttribute("href");
  if (href) return part.querySelector(`a[href="${CSS.escape(href)}"]`);
  return part.querySelector(`.${CSS.escape(element.classList[0] ?? "frame")}`);
}
