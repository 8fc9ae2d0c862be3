// The list of verdicts, problems first. Only the first rows are in the page, and more
// on demand: ten thousand files do not make a page of ten thousand rows.

import * as items from "./items.mjs";

/** Rows that are shown at first, and added each time: few, so that the list is short. */
const FIRST_ROWS = 30;
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

export class VerdictList {
  #buckets = new Map(items.ORDER.map((state) => [state, new Set()]));
  #rows = new Map();
  #most = FIRST_ROWS;

  /** @param {HTMLElement} root @param {import("./text.mjs").Texts} texts */
  constructor(root, texts, { fileAddress, period, periodAddress }) {
    Object.assign(this, { texts, fileAddress, period, periodAddress });
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
    this.#most = FIRST_ROWS;
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
        if (item.isStalled) return [this.texts.render("meta-stalled")];
        return item.tries ? [this.texts.render("meta-again", { count: item.tries })] : [];
    }
  }

  #metaOfKept({ row }) {
    const where = [row.server, row.day && this.texts.day(row.day)].filter(Boolean).join(", ");
    const period = row.day ? periodOf(row.day) : this.period;
    const other = period === this.period ? [] : [" · ", this.#linkToPeriod(period)];
    if (!this.fileAddress) return [where, ...other];
    const link = document.createElement("a");
    link.href = this.fileAddress.replace("00000000-0000-0000-0000-000000000000", row.id);
    link.textContent = this.texts.render("receipt");
    const whose = document.createElement("span");
    whose.className = "visually-hidden";
    whose.textContent = ` ${this.texts.render("receipt-of", { name: row.name })}`;
    link.append(whose);
    return where ? [`${where} · `, link, ...other] : [link, ...other];
  }

  /** A link for a file that counts for another period than the one that is shown. */
  #linkToPeriod(period) {
    const link = document.createElement("a");
    link.href = this.periodAddress.replace("PERIOD", period);
    link.textContent = this.texts.render("other-period", { month: this.texts.month(period) });
    return link;
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
  // A stopped file needs no reason: its row already shows that it was stopped.
  const code = item.state === items.STOPPED ? "" : items.failureCode(item);
  if (!code) return [];
  const key = texts.has(code) ? code : "no-answer";
  const values = { status: String(item.told?.status ?? "") };
  return [{ title: texts.render(key, values), advice: texts.render(`${key}-advice`), code: "" }];
}

/** The period that a day counts for; both as in the API. */
function periodOf(day) {
  const [year, month, date] = day.split("-").map(Number);
  const end = new Date(Date.UTC(year, month - (date < 28 ? 1 : 0), 1));
  return end.toISOString().slice(0, 7);
}

/** A tenant admin has to confirm the key of its server. */
function waitsForKey(row) {
  return Boolean(row?.problems.some(({ code }) => code === "signer-unknown"));
}
