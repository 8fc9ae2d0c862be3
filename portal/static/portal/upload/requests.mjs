// Sends requests to the portal, and translates its answers for the upload.

import { base64 } from "./digest.mjs";

/**
 * @typedef {{kind: "verdict", verdict: string, file: object}
 *   | {kind: "refused", code: string, title: string, advice: string}
 *   | {kind: "again", seconds: number|null, isDamaged: boolean, title: string, advice: string}
 *   | {kind: "signed-out"} | {kind: "switched"} | {kind: "no-line"} | {kind: "aborted"}} Answer
 */

/** The connection was at fault, or it is the portal's turn: sending again can help. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);
const DAMAGED = new Set(["body-cut", "digest-differs"]);

/** Says for which customer a request is: the portal refuses it for another one. */
export const EXPECTED_TENANT = "Portal-Tenant";

/** No answer to a question within this time: the line is taken for lost. */
const QUESTION_MS = 60_000;

export class Portal {
  /**
   * @param {{check: string, put: string, owner: string, customer: string}} addresses
   *   `put` has NAME where the name goes; `owner` is the person and the tenant;
   *   `customer` is for whom the page was made, whomever the session is for by now
   */
  constructor(addresses) {
    this.addresses = addresses;
  }

  /** Ask which files are needed. @returns {Promise<Answer | {kind: "answers", files: object[]}>} */
  async check(questions) {
    let response;
    let body;
    try {
      response = await fetch(this.addresses.check, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "X-CSRFToken": csrfToken(),
          [EXPECTED_TENANT]: this.addresses.customer,
        },
        body: JSON.stringify({ files: questions }),
        signal: AbortSignal.timeout(QUESTION_MS),
      });
      body = await response.json().catch(() => ({}));
    } catch {
      return { kind: "no-line" };
    }
    if (response.ok && body.files) return { kind: "answers", files: body.files };
    return parseAnswer(response.status, body, response.headers.get("Retry-After"));
  }

  /** Check whether this page's session is still valid; costs the portal next to nothing. */
  checkSession() {
    return this.check([]);
  }

  /**
   * The same after a sign-in, which may have been somebody else's: what one person has
   * dropped is not sent in another's name. Any page brings a new CSRF cookie, too.
   */
  async checkSessionAfterSignIn() {
    let page;
    try {
      const response = await fetch(location.href);
      page = new DOMParser().parseFromString(await response.text(), "text/html");
    } catch {
      return { kind: "no-line" };
    }
    // Not of the part for sending: where one acts now, one may not be allowed to.
    const owner = page.getElementById("period")?.dataset.owner;
    if (!owner) return { kind: "signed-out" };
    if (owner === this.addresses.owner) return this.check([]);
    const person = (text) => text.split("-")[0];
    const isSame = person(owner) === person(this.addresses.owner);
    return { kind: isSame ? "switched" : "somebody-else" };
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
      request.setRequestHeader(EXPECTED_TENANT, this.addresses.customer);
      request.upload.onprogress = (event) => onProgress(event.loaded);
      request.onload = () => {
        const retryAfter = request.getResponseHeader("Retry-After");
        done(parseAnswer(request.status, parseJson(request.responseText), retryAfter));
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
function parseAnswer(status, body, retryAfter) {
  if (body.verdict) return { kind: "verdict", verdict: body.verdict, file: body.file };
  const told = { code: body.code ?? "", title: body.title ?? "", advice: body.advice ?? "" };
  if (status === 401 || told.code === "csrf-missing") return { kind: "signed-out" };
  if (told.code === "tenant-differs") return { kind: "switched" };
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

function parseJson(text) {
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
