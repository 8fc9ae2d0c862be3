// What the page asks of the portal, and what an answer means for the upload.

import { base64 } from "./upload-digest.mjs";

/**
 * @typedef {{kind: "verdict", verdict: string, file: object}
 *   | {kind: "refused", code: string, title: string, advice: string}
 *   | {kind: "again", seconds: number|null, isDamaged: boolean, title: string, advice: string}
 *   | {kind: "signed-out"} | {kind: "no-line"} | {kind: "aborted"}} Answer
 */

/** The connection was at fault, or it is the portal's turn: sending again can help. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);
const DAMAGED = new Set(["body-cut", "digest-differs"]);

/** No answer to a question within this time: the line is taken for lost. */
const QUESTION_MS = 60_000;

export class Portal {
  /**
   * @param {{check: string, put: string, owner: string}} addresses
   *   `put` has NAME where the name goes; `owner` is the person and the tenant
   */
  constructor(addresses) {
    this.addresses = addresses;
  }

  /** Ask which files are needed. @returns {Promise<Answer | {kind: "answers", files: object[]}>} */
  async ask(questions) {
    let response;
    let body;
    try {
      response = await fetch(this.addresses.check, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
        body: JSON.stringify({ files: questions }),
        signal: AbortSignal.timeout(QUESTION_MS),
      });
      body = await response.json().catch(() => ({}));
    } catch {
      return { kind: "no-line" };
    }
    if (response.ok && body.files) return { kind: "answers", files: body.files };
    return meaning(response.status, body, response.headers.get("Retry-After"));
  }

  /** Say whether this page's session is let in; costs the portal next to nothing. */
  greet() {
    return this.ask([]);
  }

  /**
   * The same after a sign-in, which may have been somebody else's: what one person has
   * dropped is not sent in another's name. Any page brings a new CSRF cookie, too.
   */
  async greetAnew() {
    let page;
    try {
      const response = await fetch(location.href);
      page = new DOMParser().parseFromString(await response.text(), "text/html");
    } catch {
      return { kind: "no-line" };
    }
    const owner = page.getElementById("upload")?.dataset.owner;
    if (!owner) return { kind: "signed-out" };
    return owner === this.addresses.owner ? this.ask([]) : { kind: "somebody-else" };
  }

  /**
   * Send one file.
   * @param {{name: string, sha256: Uint8Array}} item
   * @param {(sent: number) => void} onProgress bytes that have left
   * @returns {Promise<Answer>}
   */
  send(item, file, { onProgress, signal }) {
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open("PUT", this.addresses.put.replace("NAME", encodeURIComponent(item.name)));
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("Content-Digest", `sha-256=:${base64(item.sha256)}:`);
      request.setRequestHeader("X-CSRFToken", csrfToken());
      request.upload.onprogress = (event) => onProgress(event.loaded);
      request.onload = () => {
        const retryAfter = request.getResponseHeader("Retry-After");
        done(meaning(request.status, parsed(request.responseText), retryAfter));
      };
      request.onerror = () => done({ kind: "no-line" });
      request.onabort = () => done({ kind: "aborted" });
      signal.addEventListener("abort", () => request.abort(), { once: true });
      if (signal.aborted) done({ kind: "aborted" });
      else request.send(file);
    });
  }
}

/** @returns {Answer} */
function meaning(status, body, retryAfter) {
  if (body.verdict) return { kind: "verdict", verdict: body.verdict, file: body.file };
  const told = { code: body.code ?? "", title: body.title ?? "", advice: body.advice ?? "" };
  if (status === 401 || told.code === "csrf-missing") return { kind: "signed-out" };
  const isDamaged = DAMAGED.has(told.code);
  if (isDamaged || PASSING.has(status)) {
    return { kind: "again", seconds: secondsOf(retryAfter), isDamaged, ...told };
  }
  return { kind: "refused", ...told };
}

/** Retry-After is a number of seconds, or a date. */
function secondsOf(retryAfter) {
  if (!retryAfter) return null;
  const seconds = Number(retryAfter);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const until = Date.parse(retryAfter) - Date.now();
  return Number.isFinite(until) ? Math.max(0, until / 1000) : null;
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/** Read anew for each request: signing in again changes it. */
export function csrfToken() {
  const cookie = document.cookie.split("; ").find((one) => one.startsWith("csrftoken="));
  return cookie ? decodeURIComponent(cookie.slice("csrftoken=".length)) : "";
}
