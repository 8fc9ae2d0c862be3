// Shows the result of an upload until it is dismissed. The one of the last visit is in
// the page when it is loaded; this one takes its place.

import { csrfToken, exchange, isRefusal, sendLast } from "../exchange.mjs";
import * as items from "./items.mjs";

/** Ends after which a file is not with the portal, or does not count. */
const BAD = [items.FAILED, items.UNREADABLE, items.REJECTED, items.REFUSED, items.STOPPED];

/** Ends that leave something to do or to know. */
const AMISS = [items.REJECTED, items.REFUSED, items.HELD, items.UNREADABLE, items.FAILED, items.STOPPED];
const FINE = [items.ACCEPTED, items.HERE, items.RECEIVED];

/** Colour and shape of the result, as the portal's own pages show it. */
const LOOKS = { bad: ["missing", "missing"], held: ["partial", "with-us"], fine: ["received", "received"] };

export class Summary {
  constructor(section, texts, { customer, announce }) {
    Object.assign(this, { section, texts, customer, announce });
    this.heading = section.querySelector("h2");
    this.#at("dismiss").addEventListener("submit", (event) => this.#dismiss(event));
    this.#at("mail").addEventListener("submit", (event) => this.#mail(event));
  }

  #at(name) {
    return this.section.querySelector(`[data-at=${name}]`);
  }

  hide() {
    this.section.hidden = true;
  }

  /** @param {import("./run.mjs").Run} run that has just ended */
  done(run) {
    const { counts } = run;
    const sum = (states) => states.reduce((all, state) => all + counts[state], 0);
    const look = sum(BAD) ? "bad" : counts[items.HELD] ? "held" : "fine";
    const [mark, shape] = LOOKS[look];
    this.section.className = `notice is-own is-${mark}`;
    this.heading.querySelector("use").setAttribute("href", `#m-${shape}`);
    const when = this.texts.instant(run.beganAt);
    const amiss = sum(AMISS);
    const values = { when, count: amiss || run.items.length };
    this.#at("title").textContent = this.texts.render(amiss ? "sum-amiss" : "sum-fine", values);
    this.#at("words").textContent = `${this.#counts(counts)}.`;
    // The reasons of this upload are in the list of its files, right below.
    this.#at("problems").replaceChildren();
    // Until the calendar is loaded again, it is the sentence of the upload before.
    this.#at("completed").replaceChildren();
    this.#at("answer").hidden = true;
    for (const name of ["acts", "upload"]) this.#at(name).hidden = true;
    // The form may still be about the upload of the last visit.
    this.#at("dismiss").removeAttribute("action");
    this.isDismissed = false;
    this.section.hidden = false;
    return this.#at("title").textContent;
  }

  /** The upload is stored and has a page: link to it. */
  stored(address) {
    this.#at("upload").querySelector("a").href = address;
    this.#at("receipt").action = `${address}/receipt`;
    this.#at("mail").action = `${address}/mail`;
    this.#at("dismiss").action = `${address}/dismiss`;
    for (const name of ["acts", "upload"]) this.#at(name).hidden = false;
    if (this.isDismissed) this.#sendDismissal();
  }

  #counts(counts) {
    return [...AMISS, ...FINE]
      .filter((state) => counts[state])
      .map((state) => this.texts.render(`sum-${state.replace(" ", "-")}`, { count: counts[state] }))
      .join(", ");
  }

  #dismiss(event) {
    event.preventDefault();
    this.hide();
    document.getElementById("drop-title").scrollIntoView({ block: "nearest" });
    document.getElementById("pick-folder").focus();
    // An upload that is not stored yet is dismissed as soon as it is.
    this.isDismissed = true;
    if (event.target.hasAttribute("action")) this.#sendDismissal();
  }

  #sendDismissal() {
    sendLast(this.#at("dismiss").action, this.#postOf());
  }

  /** Mail the receipt, and say so without leaving the page. */
  async #mail(event) {
    event.preventDefault();
    const answer = await this.#post(event.target);
    const isDone = answer.status === 200 && !answer.isRedirected && answer.text.length < 1000;
    const { title, advice } = answer.body;
    const told = isRefusal(answer) ? `${title} ${advice}` : this.texts.render("mail-failed");
    this.#at("answer").textContent = isDone ? answer.text : told;
    this.#at("answer").hidden = false;
    this.announce(this.#at("answer").textContent);
  }

  #post(form) {
    return exchange(form.action, this.#postOf());
  }

  #postOf() {
    return {
      method: "POST",
      headers: {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-CSRFToken": csrfToken(),
        "X-Part": "sentence",
      },
      body: new URLSearchParams({ "for-customer": this.customer }).toString(),
    };
  }
}
