// Shows the progress of a month-end run while it runs. Without this script the page has
// a link that reloads it.

import { Backoff } from "./exchange.mjs";
import { loadPart, parse, replaceContent } from "./parts.mjs";

const EVERY_MS = 2_000;

/** After failures: the portal is away, or the session has ended. */
const backoff = new Backoff();

let wait = EVERY_MS;

/** The link that reloads the page; it is there only while the run waits for workers. */
function reloadLink() {
  return document.querySelector("a[data-waits]");
}

async function refresh() {
  if (document.visibilityState === "visible") {
    const html = await loadPart(reloadLink().href, "month-end");
    wait = EVERY_MS;
    if (html === null) wait += backoff.next() * 1000;
    else {
      backoff.reset();
      replaceParts(parse(html));
    }
  }
  refreshLater();
}

function replaceParts(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.querySelector(`#${CSS.escape(part.id)}`);
    if (other) replaceContent(part, other);
  }
}

function refreshLater() {
  if (reloadLink()) setTimeout(refresh, wait);
}

refreshLater();
