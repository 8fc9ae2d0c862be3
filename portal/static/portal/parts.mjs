// Loads a part of a page again and replaces it in place, while something happens.

import { exchange } from "./exchange.mjs";

/**
 * The HTML of a part, as the page's own view renders it; null if it cannot be loaded
 * now, also after the session has ended.
 */
export async function loadPart(address, name, headers = {}) {
  const answer = await exchange(address, { headers: { "X-Part": name, ...headers } });
  const isPart = answer.status === 200 && !answer.isRedirected;
  return isPart ? answer.text : null;
}

/** Replaces the content of an element; the focus stays where it is. */
export function replaceContent(part, fresh) {
  const where = part.contains(document.activeElement) ? document.activeElement : null;
  part.replaceChildren(...fresh.childNodes);
  if (!where) return;
  requestAnimationFrame(() => sameIn(part, where)?.focus({ preventScroll: true }));
}

export function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body;
}

/** The element that stands where another one stood before it was replaced. */
function sameIn(part, element) {
  if (element.id) return part.querySelector(`#${CSS.escape(element.id)}`);
  const href = element.getAttribute("href");
  if (href) return part.querySelector(`a[href="${CSS.escape(href)}"]`);
  return part.querySelector(`.${CSS.escape(element.classList[0] ?? "frame")}`);
}
