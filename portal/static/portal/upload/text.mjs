// Renders the page's texts, which its template has in the reader's language, with
// sizes, times and days.

const KILOBYTE = 1_000;
const MEGABYTE = 1_000_000;

/** The smallest size that is shown in MB, as in `portal/templatetags/shown.py`. */
const MEGABYTES_FROM = 99_500;

/** A size as it is shown, in bytes: whole KB below 0.1 MB, then hundredths of a MB. */
function shownSize(bytes) {
  if (bytes >= MEGABYTES_FROM) return Math.floor((bytes + 5_000) / 10_000) * 10_000;
  return bytes ? Math.max(Math.floor((bytes + 500) / KILOBYTE), 1) * KILOBYTE : 0;
}

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
    this.three = decimals(language, 3);
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
    return this.#sizeText(shownSize(bytes));
  }

  /** The size of several files: the sum of their sizes as they are shown. */
  total(sizes) {
    return this.#sizeText(sizes.reduce((sum, bytes) => sum + shownSize(bytes), 0));
  }

  #sizeText(shown) {
    const isSmall = shown < MEGABYTES_FROM;
    const format = isSmall ? this.whole : shown % 10_000 ? this.three : this.two;
    const size = format.format(shown / (isSmall ? KILOBYTE : MEGABYTE));
    return this.render(isSmall ? "kilobytes" : "megabytes", { size }).replace(" ", "\u00a0");
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
