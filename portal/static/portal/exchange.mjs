// Sends all requests of the pages' scripts: a request without progress is ended, waits
// between tries grow, and an answer of something between the page and the portal is
// distinguished from the portal's own.

/** A request without progress for this long counts as stalled. */
export const STALL_MS = 30_000;

/** Statuses of a proxy, or of a temporary fault of the portal: a retry can succeed. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Seconds between two tries; the last value repeats. */
const WAITS = [1, 2, 4, 8, 15, 30, 60];

/**
 * @typedef {object} Answer
 * @property {number} status  0 where there is none
 * @property {""|"no-line"|"stalled"|"aborted"} failure  why there is none
 * @property {string} text
 * @property {object} body  the JSON of the answer, empty for anything else
 * @property {number|null} retryAfter  in seconds
 * @property {boolean} isRedirected  to another address than was asked for
 */

/**
 * Send a request and wait for its answer; never throws.
 * @param {string|URL} address
 * @param {{method?: string, headers?: object, body?: any, signal?: AbortSignal,
 *   onProgress?: (sent: number) => void, stallMs?: number}} options
 * @returns {Promise<Answer>}
 */
export function exchange(address, options = {}) {
  const { method = "GET", headers = {}, body = null, signal, onProgress } = options;
  const { stallMs = STALL_MS } = options;
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    const wanted = new URL(address, location.href);
    let timer = 0;
    const abort = () => request.abort();
    const end = (answer) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      done({ ...NOTHING, ...answer });
    };
    // Each byte that moves, up or down, restarts the timer.
    const moved = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        end({ failure: "stalled" });
        request.abort();
      }, stallMs);
    };
    request.open(method, wanted);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      moved();
      onProgress?.(event.loaded);
    };
    request.upload.onload = moved;
    request.onprogress = moved;
    request.onload = () => end(answerOf(request, wanted));
    request.onerror = () => end({ failure: "no-line" });
    request.onabort = () => end({ failure: "aborted" });
    if (signal?.aborted) return end({ failure: "aborted" });
    signal?.addEventListener("abort", abort, { once: true });
    moved();
    request.send(body);
  });
}

const NOTHING = {
  ...{ status: 0, failure: "", text: "", body: {}, retryAfter: null },
  isRedirected: false,
};

/** @returns {Answer} */
function answerOf(request, wanted) {
  const text = request.responseText;
  const shown = new URL(request.responseURL || wanted, wanted);
  return {
    ...{ status: request.status, text, body: parseJson(text) },
    retryAfter: secondsOf(request.getResponseHeader("Retry-After")),
    isRedirected: shown.origin + shown.pathname !== wanted.origin + wanted.pathname,
  };
}

/** Send a request that also succeeds if the page is left; its answer is ignored. */
export function sendLast(address, { method, headers, body }) {
  // A browser refuses large bodies here; then the stored upload lacks the last report.
  fetch(address, { method, headers, body, keepalive: true }).catch(() => {});
}

/** Whether a retry can succeed. */
export const isPassing = (answer) => PASSING.has(answer.status);

/** Only refusals of the portal have a code, a title and advice. */
export const isRefusal = ({ body }) =>
  ["code", "title", "advice"].every((key) => typeof body[key] === "string");

/**
 * What something between the page and the portal has answered, as a failure code of
 * `usage/uploads/failure_text.py`; "" if it is the portal's answer.
 * @param {Answer} answer
 * @param {string} key  that the portal's own answer would have
 */
export function interference(answer, key) {
  if (key in answer.body || isRefusal(answer)) return "";
  const { status, isRedirected } = answer;
  if (status === 407 || status === 511) return "blocked-sign-in";
  if (isRedirected || status < 400) return "blocked-page";
  if (status === 413) return "blocked-size";
  return PASSING.has(status) ? "unreached" : "blocked";
}

/** Waits that grow from try to try, and start again after a success. */
export class Backoff {
  #tries = 0;

  /** @returns {number} seconds until the next try */
  next() {
    const seconds = WAITS[Math.min(this.#tries, WAITS.length - 1)];
    this.#tries += 1;
    return seconds;
  }

  reset() {
    this.#tries = 0;
  }
}

/** Retry-After is a number of seconds, or a date. */
function secondsOf(retryAfter) {
  if (!retryAfter) return null;
  const seconds = Number(retryAfter);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const until = Date.parse(retryAfter) - Date.now();
  return Number.isFinite(until) ? Math.max(0, until / 1000) : null;
}

function parseJson(text) {
  try {
    const body = JSON.parse(text);
    return body !== null && typeof body === "object" ? body : {};
  } catch {
    return {};
  }
}

// Under https, and without; one that is left from before is not meant.
const CSRF_COOKIES = ["__Host-csrftoken=", "csrftoken="];

/** Read anew for each request: signing in again changes it. */
export function csrfToken() {
  const cookies = document.cookie.split("; ");
  for (const name of CSRF_COOKIES) {
    const cookie = cookies.find((one) => one.startsWith(name));
    if (cookie) return decodeURIComponent(cookie.slice(name.length));
  }
  return "";
}
