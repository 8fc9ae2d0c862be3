// Shows an upload: its progress, what pauses it, and its verdicts.

import * as items from "./items.mjs";
import { VerdictList } from "./verdict-list.mjs";
import { Speed } from "./speed.mjs";

/** The page is drawn this often while files move; more would only cost. */
const DRAW_MS = 250;

/** Names written out below the list; the number says how many there are. */
const NAMES = 300;

/** A verdict count is told by voice at each of these steps, in percent. */
const STEP = 25;

export class RunView {
  #isDue = false;
  #drawnAt = 0;
  #told = 0;
  #here = [];
  #pace = new Speed();

  /** @param {import("./run.mjs").Run} run */
  constructor(run, texts, { section, announce, ...addresses }) {
    this.run = run;
    this.texts = texts;
    this.section = section;
    this.announce = announce;
    this.list = new VerdictList(section, texts, addresses);
    this.heading = section.querySelector("h2");
    run.addEventListener("moved", ({ detail }) => this.#moved(detail));
    run.addEventListener("progress", () => this.#drawSoon());
    run.addEventListener("began", () => this.#began());
    run.addEventListener("held", () => this.#onHold());
    run.addEventListener("done", () => this.draw());
    const press = (name, act) => this.#at(name).addEventListener("click", act);
    press("pause", () => this.#swapButtons("pause", "go-on", () => run.holds.add("paused")));
    press("go-on", () => this.#swapButtons("go-on", "pause", () => run.holds.release("paused")));
    press("stop", () => run.stop());
    press("retry", () => run.retry());
    press("try-now", () => run.holds.checkNow());
  }

  #at(name) {
    return this.section.querySelector(`[data-at=${name}]`);
  }

  #write(name, text) {
    const element = this.#at(name);
    if (element.textContent !== text) element.textContent = text;
    element.hidden = !text;
  }

  /** A folder is being read: nothing is said to be all of it yet. */
  showReading(count) {
    this.section.hidden = false;
    this.heading.textContent = this.texts.render("reading");
    this.#write("begun", count ? this.texts.render("reading-count", { count }) : "");
  }

  /** Show which parts of a drop were skipped. */
  showSkipped({ others, unread }) {
    this.#write("others", others ? this.texts.render("others", { count: others }) : "");
    const names = unread.join(", ");
    this.#write("unread", names ? this.texts.render("unread", { names }) : "");
    this.draw();
  }

  clear() {
    this.#here = [];
    delete this.#at("here").dataset.count;
    this.list.clear();
  }

  #moved({ item, before }) {
    this.list.moved(item, before);
    if (item.state === items.HERE && item.isUnsent) this.#here.push(item);
    const { run } = this;
    const percent = Math.floor((100 * run.ended) / run.items.length / STEP) * STEP;
    if (run.isGoing && percent > this.#told) {
      this.#told = percent;
      this.announce(this.texts.render("say-percent", { percent }));
    }
    this.#drawSoon();
  }

  #began() {
    this.#told = Math.floor((100 * this.run.ended) / this.run.items.length / STEP) * STEP;
    this.#pace.restart();
    this.section.hidden = false;
    this.announce(this.texts.render("say-began", { count: this.run.unfinished }));
    this.draw();
  }

  #onHold() {
    if (!this.run.isGoing) return;
    const { foremost } = this.run.holds;
    this.#pace.restart();
    const isPaused = foremost === "paused";
    const key = isPaused ? "say-paused" : foremost ? `hold-${foremost}` : "say-going";
    this.announce(this.texts.render(key));
    this.draw();
  }

  /** Press one button and go on standing on the one that takes its place. */
  #swapButtons(name, other, act) {
    const hadFocus = document.activeElement === this.#at(name);
    act();
    if (hadFocus) this.#at(other).focus();
  }

  #drawSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    const wait = Math.max(0, this.#drawnAt + DRAW_MS - performance.now());
    setTimeout(() => requestAnimationFrame(() => this.draw()), wait);
    // A page in the background is given no frames; it is drawn when it is seen again.
  }

  draw() {
    this.#isDue = false;
    this.#drawnAt = performance.now();
    const { run, texts } = this;
    this.#drawHead();
    this.#drawHold();
    this.#drawFigures();
    const { failed, unreadable, stopped } = run.counts;
    const count = failed + unreadable + stopped;
    this.#show("pause", run.isGoing && !run.holds.has("paused"));
    this.#show("go-on", run.isGoing && run.holds.has("paused"));
    this.#show("stop", run.isGoing);
    this.#at("acts").hidden = !run.isGoing && !count;
    this.#write("retry", !run.isGoing && count ? texts.render("retry", { count }) : "");
    this.#drawHere();
    this.list.draw();
  }

  /** Show or hide a button; who stood on it is led to the heading. */
  #show(name, isShown) {
    const element = this.#at(name);
    const hadFocus = !isShown && document.activeElement === element;
    element.hidden = !isShown;
    if (hadFocus) this.heading.focus();
  }

  /** Those that are here already do not count: nothing is to be done with them. */
  get #files() {
    const here = this.#here.length;
    return { done: this.run.ended - here, count: this.run.items.length - here };
  }

  #drawHead() {
    const { run, texts } = this;
    const { foremost } = run.holds;
    const going = { "": "running", paused: "paused" }[foremost] ?? "waiting";
    const ended = run.items.length ? (run.isStopped ? "stopped" : "finished") : "nothing";
    this.heading.textContent = texts.render(run.isGoing ? going : ended);
    if (!run.beganAt || !run.items.length) {
      this.#write("begun", texts.render("nothing-words"));
      return;
    }
    const time = texts.time(run.beganAt);
    if (run.isGoing) this.#write("begun", texts.render("begun", { time }));
    else this.#write("begun", texts.render("ended", { begun: time, ended: texts.time(new Date()) }));
  }

  #drawHold() {
    const { run, texts } = this;
    const name = run.isGoing && run.holds.foremost !== "paused" ? run.holds.foremost : "";
    this.#at("hold").hidden = !name;
    if (!name) return;
    const time = texts.time(new Date(run.holds.againAt));
    const values = { time, ...this.#files };
    this.#write("hold-title", texts.render(`hold-${name}`));
    this.#write("hold-words", texts.render(`hold-${name}-words`, values));
    this.#write("try-now", texts.render(`hold-${name}-button`));
    this.#at("sign-in").hidden = !["signed-out", "somebody-else"].includes(name);
    this.#at("switch-back").hidden = name !== "switched";
  }

  #drawFigures() {
    const { run, texts } = this;
    const isLooking = run.isGoing && run.looked < run.items.length;
    const compared = { looked: run.looked, count: run.items.length };
    const files = isLooking ? texts.render("looking", compared) : texts.render("files", this.#files);
    this.#write("files", run.items.length ? files : "");
    const { bytesSent, bytesNeeded } = run;
    const needed = run.items.filter((item) => item.isNeeded).map(({ size }) => size);
    const all = texts.total(needed);
    const sent = bytesSent < bytesNeeded ? texts.size(bytesSent) : all;
    const isTelling = bytesNeeded > 0 && !isLooking;
    this.#write("bytes", isTelling ? texts.render("bytes", { sent, all }) : "");
    this.#pace.note(bytesSent);
    const seconds = this.#pace.secondsFor(bytesNeeded - bytesSent);
    const isTold = run.isGoing && !isLooking && !run.holds.isHeld && seconds !== null;
    this.#write("left", isTold ? texts.render("left", { time: texts.duration(seconds) }) : "");
    const looked = run.looked / run.items.length;
    const part = isLooking || !bytesNeeded ? looked : bytesSent / bytesNeeded;
    const bar = this.#at("all");
    // After the end the reader needs the reasons, not the bar.
    bar.hidden = !run.isGoing;
    bar.value = Math.floor(100 * (part || 0));
  }

  #drawHere() {
    const count = this.#here.length;
    this.#at("here").hidden = !count;
    this.#at("rest").hidden = !count && this.#at("others").hidden && this.#at("unread").hidden;
    if (!count || this.#at("here").dataset.count === String(count)) return;
    this.#at("here").dataset.count = String(count);
    this.#at("here-words").textContent = this.texts.render("here", { count });
    const names = this.#here.slice(0, NAMES).map((item) => item.path);
    if (count > NAMES) names.push(this.texts.render("here-and-more", { count: count - NAMES }));
    this.#at("here-names").textContent = names.join(", ");
  }
}
