// Renders the page's texts, which its template has in the reader's language, with
// sizes, times and days.

const MEGABYTE = 1_000_000;

// A file of a few bytes is not nothing: it is shown as the smallest size there is.
const SMALLEST = 0.01;

export class Texts {
  #texts = new Map();

  /** @param {HTMLTemplateElement} template each word an element with `data-word` */
  constructor(template, zone) {
    const language = document.documentElement.lang || "en";
    for (const element of template.content.querySelectorAll("[data-word]")) {
      this.#texts.set(element.dataset.word, element.textContent.trim());
    }
    this.plural = new Intl.PluralRules(language);
    this.whole = new Intl.NumberFormat(language);
    this.one = decimals(language, 1);
    this.two = decimals(language, 2);
    this.months = new Intl.DateTimeFormat(language, { ...MONTH, timeZone: "UTC" });
    this.days = new Intl.DateTimeFormat(language, { ...DAY, timeZone: "UTC" });
    this.instants = new Intl.DateTimeFormat(language, { ...INSTANT, timeZone: zone || "UTC" });
  }

  has(key) {
    return this.#texts.has(key);
  }

  /** Render a text; `count` selects singular or plural, and is a value too. */
  render(key, values = {}) {
    const form = `${key}.${this.plural.select(values.count ?? 0)}`;
    const text = this.#texts.get(form) ?? this.#texts.get(key) ?? "";
    return text.replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[name];
      return typeof value === "number" ? this.whole.format(value) : (value ?? "");
    });
  }

  size(bytes) {
    const shown = bytes ? Math.max(bytes / MEGABYTE, SMALLEST) : 0;
    return this.render("megabytes", { size: this.two.format(shown) }).replace(" ", "\u00a0");
  }

  /** A part of a number of bytes, and that number, in MB without their unit. */
  share(part, all) {
    const format = all < MEGABYTE ? this.two : this.one;
    return { sent: format.format(part / MEGABYTE), all: format.format(all / MEGABYTE) };
  }

  /** How long something still takes; rounded as one would say it. */
  duration(seconds) {
    if (seconds < 55) return this.render("seconds", { number: Math.max(1, Math.ceil(seconds)) });
    if (seconds < 3570) return this.render("minutes", { number: Math.ceil(seconds / 60) });
    return this.render("hours", { number: this.one.format(seconds / 3600) });
  }

  /** @param {string} day as in the API: 2026-05-26 */
  day(day) {
    return this.render("day", partsOf(this.days, new Date(`${day}T00:00:00Z`)));
  }

  /** @param {string} period as in the API: 2026-05 */
  month(period) {
    return this.months.format(new Date(`${period}-01T00:00:00Z`));
  }

  /** A day and a time in the zone that the page speaks of. */
  instant(date) {
    return this.render("instant", partsOf(this.instants, date));
  }

  time(date) {
    return this.render("time", partsOf(this.instants, date));
  }
}

const MONTH = { month: "long", year: "numeric" };
const DAY = { weekday: "short", day: "numeric", month: "long" };
const INSTANT = { ...DAY, year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

const decimals = (language, digits) =>
  new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

const partsOf = (format, date) =>
  Object.fromEntries(format.formatToParts(date).map(({ type, value }) => [type, value]));
