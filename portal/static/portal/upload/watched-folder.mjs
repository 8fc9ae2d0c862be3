// Watches a folder that is kept open: scans it every minute while the page is in view,
// sends new files, and deletes files in it that are safe to delete, on request.

import { candidates, remove } from "./delete.mjs";
import { fromFolder } from "./gather.mjs";
import { forget, remember, remembered } from "./remembered-folder.mjs";

const EVERY_MS = 60_000;

/** A file that has just been written may still be written to; the next look takes it. */
const SETTLED_MS = 30_000;

export class WatchedFolder {
  /** @type {FileSystemDirectoryHandle|null} */
  handle = null;
  #offered = null;
  #seen = new Map();
  #isLooking = false;
  #isListing = false;

  constructor(root, { texts, owner, portal, announce, send }) {
    Object.assign(this, { texts, owner, portal, announce, send });
    this.section = root.querySelector("#folder");
    this.dialog = root.querySelector("#delete-dialog");
    this.opener = document.getElementById("folder-open");
    this.offer = document.getElementById("folder-offer");
    this.heading = this.section.querySelector("h2");
    this.opener.addEventListener("click", () => this.#open());
    this.#at("look").addEventListener("click", () => this.scan({ isAsked: true }));
    this.#at("close").addEventListener("click", () => this.#close());
    this.#at("delete").addEventListener("click", () => this.#list());
    this.#in("delete").addEventListener("click", () => this.dialog.close("delete"));
    this.#in("keep").addEventListener("click", () => this.dialog.close(""));
    setInterval(() => document.visibilityState === "visible" && this.scan(), EVERY_MS);
    if (window.showDirectoryPicker) this.#offerLast();
  }

  #at(name) {
    return this.section.querySelector(`[data-at=${name}]`);
  }

  #in(name) {
    return this.dialog.querySelector(`[data-at=${name}]`);
  }

  /** Offer the folder of the last visit; it opens by itself where that is allowed. */
  async #offerLast() {
    this.opener.hidden = this.offer.hidden = false;
    const handle = await remembered(this.owner);
    if (!handle || this.handle) return;
    const allowed = await permission(handle, "read", { isAsking: false });
    if (allowed === "granted") await this.#watch(handle);
    else this.#propose(handle, "folder-again");
  }

  /** A folder was dropped: it can be kept open at the press of a button. */
  propose(handle) {
    if (window.showDirectoryPicker && !this.handle) this.#propose(handle, "folder-keep");
  }

  #propose(handle, key) {
    this.#offered = handle;
    this.opener.textContent = this.texts.render(key, { name: handle.name });
  }

  async #open() {
    try {
      const handle = this.#offered ?? (await window.showDirectoryPicker({ id: "usage" }));
      if ((await permission(handle, "read")) !== "granted") return;
      await remember(this.owner, handle);
      await this.#watch(handle);
      this.heading.focus();
    } catch (error) {
      // Whoever closes the browser's own dialog has changed their mind.
      if (error.name !== "AbortError") this.#reset();
    }
  }

  async #watch(handle) {
    this.handle = handle;
    this.opener.hidden = true;
    this.section.hidden = false;
    this.#at("result").hidden = true;
    this.heading.textContent = this.texts.render("folder-title", { name: handle.name });
    await this.scan({ isAsked: true });
  }

  async #close() {
    await forget(this.owner);
    this.#reset();
    document.getElementById("pick-folder").focus();
  }

  #reset() {
    this.handle = this.#offered = null;
    this.#seen.clear();
    this.section.hidden = true;
    this.opener.hidden = false;
    this.opener.textContent = this.texts.render("folder-open");
  }

  /** Look through the folder and send what is new; by itself only what lies still. */
  async scan({ isAsked = false } = {}) {
    if (!this.handle || this.#isLooking) return;
    if ((await permission(this.handle, "read", { isAsking: false })) !== "granted") {
      this.#at("words").textContent = this.texts.render("folder-lost");
      return;
    }
    this.#isLooking = true;
    const gathering = await fromFolder(this.handle);
    const fresh = await this.#changed(gathering.found, isAsked ? 0 : SETTLED_MS);
    this.#isLooking = false;
    const time = this.texts.time(new Date());
    this.#at("looked").textContent = this.texts.render("folder-looked", { time });
    const count = fresh.length;
    const key = count ? "folder-new" : "folder-nothing";
    this.#at("words").textContent = this.texts.render(key, { count });
    if (count) this.send({ ...gathering, found: fresh });
    else if (isAsked) this.announce(this.#at("words").textContent);
  }

  /** What was not there at the last look, or has changed since. */
  async #changed(all, settled) {
    const fresh = [];
    for (const found of all) {
      const file = await found.open().catch(() => null);
      // Held open by something: the run says so, with what to do.
      const state = file ? `${file.size} ${file.lastModified}` : "unreadable";
      if (file && Date.now() - file.lastModified < settled) continue;
      if (this.#seen.get(found.path) === state) continue;
      this.#seen.set(found.path, state);
      fresh.push(found);
    }
    return fresh;
  }

  async #list() {
    if (this.#isListing) return;
    this.#isListing = true;
    await this.#listAndConfirm();
    this.#isListing = false;
  }

  /** List what could go, and delete it only if the person says so. */
  async #listAndConfirm() {
    this.#showText("delete-looking");
    const { found } = await fromFolder(this.handle);
    const safe = await candidates(this.portal, found);
    if (!safe?.length) {
      this.#showText(safe ? "delete-none" : "delete-no-answer");
      return;
    }
    this.#at("result").hidden = true;
    const values = { count: safe.length, size: this.texts.total(sizes(safe)), name: this.handle.name };
    this.dialog.querySelector("h2").textContent = this.texts.render("delete-title", values);
    this.#in("delete").textContent = this.texts.render("delete-button", values);
    this.#in("files").replaceChildren(
      ...safe.map((one) => line(`${one.found.path} · ${this.texts.size(one.size)}`)),
    );
    this.dialog.returnValue = "";
    this.dialog.showModal();
    this.#in("keep").focus();
    await new Promise((done) => this.dialog.addEventListener("close", done, { once: true }));
    if (this.dialog.returnValue === "delete") await this.#delete(safe);
  }

  async #delete(safe) {
    // The press of the button is still known to the browser, which asks only then.
    if ((await permission(this.handle, "readwrite")) !== "granted") {
      this.#showText("delete-refused");
      return;
    }
    const gone = [];
    const kept = [];
    for (const one of safe) {
      const why = await remove(this.portal, one);
      if (why) kept.push(this.texts.render(why, { name: one.found.path }));
      else gone.push(one);
    }
    const done = { count: gone.length, size: this.texts.total(sizes(gone)) };
    const parts = [this.texts.render("delete-done", done)];
    if (kept.length) parts.push(this.texts.render("delete-kept", { count: kept.length }));
    this.#showResult(parts.join(" "), kept);
    this.#at("delete").focus();
  }

  #showText(key) {
    this.#showResult(this.texts.render(key), []);
  }

  #showResult(text, files) {
    this.#at("result").hidden = false;
    this.#at("result-words").textContent = text;
    this.#at("result-files").replaceChildren(...files.map(line));
    this.announce(text);
  }
}

/** What the browser allows; a private folder of the page's own needs no permission. */
async function permission(handle, mode, { isAsking = true } = {}) {
  const ask = isAsking ? handle.requestPermission : handle.queryPermission;
  return ask ? ask.call(handle, { mode }) : "granted";
}

function line(text) {
  const item = document.createElement("li");
  item.className = "name";
  item.textContent = text;
  return item;
}

const sizes = (some) => some.map(({ size }) => size);
