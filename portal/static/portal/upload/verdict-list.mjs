// The list of verdicts, problems first. Only the first rows are in the page, and more
// on demand: ten thousand files do not make a page of ten thousand rows.

import * as items from "./items.mjs";

/** Rows shown at first, and added each time more are asked for. */
const ROWS = 100;

/** Shape and colour of each state. */
const STYLES = {
  [items.FAILED]: ["missing", "is-missing"],
  [items.UNREADABLE]: ["partial", "is-partial is-held"],
  [items.REJECTED]: ["missing", "is-missing"],
  [items.REFUSED]: ["excused", "is-excused is-held"],
  [items.HELD]: ["with-us", "is-with-us is-held"],
  [items.STOPPED]: ["pending", "is-pending"],
  [items.SENDING]: ["sending", "is-with-us"],
  [items.CHECKING]: ["sending", "is-with-us"],
  [items.WAITING]: ["pending", "is-pending"],
  [items.RECEIVED]: ["with-us", "is-with-us"],
  [items.ACCEPTED]: ["received", "is-received"],
  [items.HERE]: ["same", "is-silent"],
};

/** Why a file could not be read, by the browser's name for it. */
const UNREADABLE_TEXTS = {
  NotReadableError: "unreadable-open",
  NotFoundError: "unreadable-gone",
  NotAllowedError: "unreadable-forbidden",
  SecurityError: "unreadable-forbidden",
};

export class VerdictList {
  #buckets = new Map(items.ORDER.map((state) => [state, new Set()]));
  #rows = new Map();
  #most = ROWS;

  /** @param {HTMLElement} root @param {import("./text.mjs").Texts} texts */
  constructor(root, texts, { fileAddress }) {
    this.texts = texts;
    this.fileAddress = fileAddress;
    this.list = root.querySelector("[data-at=verdicts]");
    this.more = root.querySelector("[data-at=more]");
    this.rowTemplate = root.querySelector("[data-at=row]");
    this.reasonTemplate = root.querySelector("[data-at=reason]");
    this.more.addEventListener("click", () => this.#showMore());
  }

  /** An item is in another state than before. */
  moved(item, before) {
    this.#buckets.get(before).delete(item);
    // What was here already and not sent stands below the list, as a number.
    if (!item.isUnsent || item.state !== items.HERE) this.#buckets.get(item.state).add(item);
  }

  clear() {
    for (const bucket of this.#buckets.values()) bucket.clear();
    this.#most = ROWS;
    this.draw();
  }

  draw() {
    const shown = [];
    let count = 0;
    for (const state of items.ORDER) {
      const bucket = this.#buckets.get(state);
      count += bucket.size;
      for (const item of bucket) {
        if (shown.length >= this.#most) break;
        shown.push(item);
      }
    }
    this.#place(shown);
    const rest = count - shown.length;
    this.more.hidden = rest === 0;
    const next = Math.min(rest, ROWS);
    if (rest) this.more.textContent = this.texts.render("more", { count: rest, next });
  }

  #showMore() {
    const first = this.list.children.length;
    this.#most += ROWS;
    this.draw();
    // The button may be gone: whoever pressed it reads on where the new rows begin.
    const row = this.list.children[first];
    row?.setAttribute("tabindex", "-1");
    row?.focus();
  }

  /** Bring the rows into their order, moving as few as can be. */
  #place(shown) {
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    const kept = new Set(shown);
    for (const [item, row] of this.#rows) {
      if (kept.has(item)) continue;
      row.element.remove();
      this.#rows.delete(item);
    }
    let at = this.list.firstElementChild;
    for (const item of shown) {
      const row = this.#rowOf(item);
      if (at && at !== row && at.nextElementSibling === row) {
        const out = at;
        at = row;
        out.remove();
      }
      if (at === row) at = row.nextElementSibling;
      else this.list.insertBefore(row, at);
    }
    if (focused?.isConnected && document.activeElement !== focused) focused.focus();
  }

  #rowOf(item) {
    let row = this.#rows.get(item);
    if (!row) {
      const element = this.rowTemplate.content.firstElementChild.cloneNode(true);
      row = { element, version: -1, state: "" };
      this.#rows.set(item, row);
    }
    if (row.version !== item.version) this.#write(row, item);
    row.version = item.version;
    return row.element;
  }

  #write(row, item) {
    const part = (name) => row.element.querySelector(`[data-at=${name}]`);
    const isMoving = item.state === items.SENDING || item.state === items.CHECKING;
    const percent = item.size ? Math.floor((100 * item.sent) / item.size) : 0;
    if (row.state !== item.state) {
      const [shape, look] = STYLES[item.state];
      row.state = item.state;
      row.element.className = `verdict ${look}`;
      row.element.querySelector("use").setAttribute("href", `#m-${shape}`);
      part("name").textContent = item.path;
      part("word").textContent = this.texts.render(`state-${item.state.replace(" ", "-")}`);
      part("progress").hidden = !isMoving;
      this.#writeReasons(part("reasons"), item);
    }
    part("size").textContent = item.size ? this.texts.size(item.size) : "";
    if (isMoving) {
      const progress = part("progress");
      progress.value = percent;
      progress.setAttribute("aria-label", this.texts.render("sent-of", { name: item.path }));
    }
    part("meta").replaceChildren(...this.#meta(item, percent));
  }

  /** @returns {(string|Node)[]} */
  #meta(item, percent) {
    const reasons = item.row?.problems.length ?? 0;
    switch (item.state) {
      case items.SENDING:
        return [this.texts.render("percent", { number: percent })];
      case items.HELD:
        return [this.texts.render(waitsForKey(item.row) ? "meta-held-key" : "meta-held")];
      case items.CHECKING:
      case items.RECEIVED:
      case items.STOPPED:
        return [this.texts.render(`meta-${item.state}`)];
      case items.REJECTED:
        return reasons ? [this.texts.render("meta-reasons", { count: reasons })] : [];
      case items.ACCEPTED:
      case items.REFUSED:
      case items.HERE:
        return this.#metaOfKept(item);
      default:
        return item.tries ? [this.texts.render("meta-again", { count: item.tries })] : [];
    }
  }

  #metaOfKept({ row }) {
    const where = [row.server, row.day && this.texts.day(row.day)].filter(Boolean).join(", ");
    if (!this.fileAddress) return [where];
    const link = document.createElement("a");
    link.href = this.fileAddress.replace("00000000-0000-0000-0000-000000000000", row.id);
    link.textContent = this.texts.render("receipt");
    const whose = document.createElement("span");
    whose.className = "visually-hidden";
    whose.textContent = ` ${this.texts.render("receipt-of", { name: row.name })}`;
    link.append(whose);
    return where ? [`${where} · `, link] : [link];
  }

  #writeReasons(body, item) {
    const reasons = reasonsOf(item, this.texts);
    body.hidden = !reasons.length;
    body.replaceChildren(
      ...reasons.map(({ title, advice, code }) => {
        const reason = this.reasonTemplate.content.firstElementChild.cloneNode(true);
        reason.querySelector("[data-at=title]").textContent = title;
        reason.querySelector("[data-at=advice]").textContent = advice;
        reason.querySelector("[data-at=code]").textContent = code;
        return reason;
      }),
    );
  }
}

/** Every reason with what to do: the portal's own texts, or the page's. */
function reasonsOf(item, texts) {
  if (item.state === items.REFUSED) {
    const { decision_reason: advice, decided_at: at } = item.row;
    return [{ title: texts.render("refused", { when: texts.instant(new Date(at)) }), advice, code: "" }];
  }
  if (item.row) {
    return item.row.problems.map(({ title, advice, code, where }) => ({
      title,
      advice,
      code: where ? `${code}, ${where}` : code,
    }));
  }
  if (item.told?.title) return [item.told];
  const key = keyOf(item);
  const name = { name: item.name };
  return key
    ? [{ title: texts.render(key, name), advice: texts.render(`${key}-advice`, name), code: "" }]
    : [];
}

/** A tenant admin has to confirm the key of its server. */
function waitsForKey(row) {
  return Boolean(row?.problems.some(({ code }) => code === "signer-unknown"));
}

function keyOf({ state, told }) {
  if (state === items.UNREADABLE) return UNREADABLE_TEXTS[told?.code] ?? "unreadable-changed";
  if (state === items.REJECTED) return "too-large";
  return state === items.FAILED ? "no-answer" : "";
}
