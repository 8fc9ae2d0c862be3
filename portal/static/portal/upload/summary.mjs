// Shows the result of an upload until it is dismissed, also after the page is loaded
// again, and in short if the upload was interrupted.

import { csrfToken } from "./requests.mjs";
import * as items from "./items.mjs";

const KEY = "upload-summary";

/** Ends that leave something to do or to know. */
const AMISS = [items.REJECTED, items.REFUSED, items.HELD, items.UNREADABLE, items.FAILED, items.STOPPED];
const FINE = [items.ACCEPTED, items.HERE, items.RECEIVED];

/** A receipt is of no more files than that; those that were sent come first. */
const RECEIPT_AT_MOST = 10_000;

function idsOf({ items: all }) {
  const sent = all.filter((item) => item.row && !item.isUnsent);
  const here = all.filter((item) => item.row && item.isUnsent);
  const ids = new Set([...sent, ...here].map((item) => item.row.id));
  return [...ids].slice(0, RECEIPT_AT_MOST);
}

export class Summary {
  /** @param {string} owner  who and for whom: nobody else is shown it */
  constructor(section, texts, owner) {
    this.section = section;
    this.texts = texts;
    this.owner = owner;
    this.heading = section.querySelector("h2");
    section.querySelector("[data-at=dismiss]").addEventListener("click", () => this.#dismiss());
    section.querySelector("form")?.addEventListener("submit", (event) => this.#fill(event.target));
    const kept = this.#load();
    if (kept) this.#show(kept);
  }

  /** @param {import("./run.mjs").Run} run whose upload is under way */
  saveProgress(run) {
    this.section.hidden = true;
    const at = run.beganAt.getTime();
    this.#save({ at, isCut: true, done: run.ended, count: run.items.length });
  }

  /** @param {import("./run.mjs").Run} run that has just ended */
  done(run) {
    const states = [...AMISS, ...FINE];
    const counts = Object.fromEntries(states.map((state) => [state, run.counts[state]]));
    const kept = { at: run.beganAt.getTime(), counts, count: run.items.length, ids: idsOf(run) };
    this.#save(kept);
    this.#show(kept);
    return this.heading.textContent;
  }

  #show(kept) {
    const when = this.texts.instant(new Date(kept.at));
    this.ids = kept.ids ?? [];
    this.heading.textContent = kept.isCut
      ? this.texts.render("sum-cut", { when })
      : this.#answer(kept, when);
    this.section.querySelector("[data-at=words]").textContent = kept.isCut
      ? this.texts.render("sum-cut-words", kept)
      : `${this.#counts(kept.counts)}.`;
    const form = this.section.querySelector("form");
    if (form) form.hidden = !this.ids.length;
    this.section.hidden = false;
  }

  #answer({ counts, count }, when) {
    const amiss = AMISS.reduce((sum, state) => sum + counts[state], 0);
    return amiss
      ? this.texts.render("sum-amiss", { when, count: amiss })
      : this.texts.render("sum-fine", { when, count });
  }

  #counts(counts) {
    return [...AMISS, ...FINE]
      .filter((state) => counts[state])
      .map((state) => this.texts.render(`sum-${state.replace(" ", "-")}`, { count: counts[state] }))
      .join(", ");
  }

  #dismiss() {
    sessionStorage.removeItem(KEY);
    this.section.hidden = true;
    document.getElementById("drop-title").scrollIntoView({ block: "nearest" });
    document.getElementById("pick-folder").focus();
  }

  /** The token may have changed since the page was made, by signing in again. */
  #fill(form) {
    form.elements.ids.value = this.ids.join("\n");
    const token = csrfToken();
    if (token) form.elements.csrfmiddlewaretoken.value = token;
  }

  #save(kept) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ ...kept, owner: this.owner }));
    } catch {
      // No room, or storage is forbidden: it then lasts as long as the page.
    }
  }

  #load() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
      if (kept?.owner === this.owner) return kept;
      sessionStorage.removeItem(KEY);
    } catch {
      // Nothing that this page could show.
    }
    return null;
  }
}
