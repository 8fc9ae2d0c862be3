// Sends requests to the portal, and translates its answers for the upload.

import { csrfToken, exchange, interference, isPassing, sendLast } from "../exchange.mjs";
import { base64 } from "./digest.mjs";

/**
 * @typedef {{kind: "verdict", verdict: string, file: object}
 *   | {kind: "refused", code: string, status: number, title: string, advice: string}
 *   | {kind: "again", seconds: number|null, isDamaged: boolean, code: string, status: number,
 *       title: string, advice: string}
 *   | {kind: "stalled"} | {kind: "signed-out"} | {kind: "switched"} | {kind: "no-line"}
 *   | {kind: "aborted"}} Answer
 */

const DAMAGED = new Set(["body-cut", "digest-differs"]);

/** Says for which customer a request is: the portal refuses it for another one. */
export const EXPECTED_TENANT = "Portal-Tenant";

/** Names the upload that a file is a part of. */
const UPLOAD = "Portal-Upload";

export class Portal {
  /**
   * @param {{check: string, put: string, report: string, owner: string,
   *   customer: string}} addresses
   *   `put` has NAME in place of a file's name, `report` a nil UUID in place of an
   *   upload's key; `owner` is the person and the tenant; `customer` is the tenant that
   *   the page was made for, even if the session is for another one by now
   */
  constructor(addresses) {
    this.addresses = addresses;
  }

  #headers(contentType) {
    return {
      "Content-Type": contentType,
      "X-CSRFToken": csrfToken(),
      [EXPECTED_TENANT]: this.addresses.customer,
    };
  }

  /** Ask which files are needed. @returns {Promise<Answer | {kind: "answers", files: object[]}>} */
  async check(questions) {
    const answer = await exchange(this.addresses.check, {
      method: "POST",
      headers: this.#headers("application/json"),
      body: JSON.stringify({ files: questions }),
    });
    if (answer.status === 200 && Array.isArray(answer.body.files)) {
      return { kind: "answers", files: answer.body.files };
    }
    return parseAnswer(answer, "files");
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
    const answer = await exchange(location.href);
    if (answer.failure) return { kind: answer.failure };
    const page = new DOMParser().parseFromString(answer.text, "text/html");
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
  async send(item, file, { upload, onProgress, signal }) {
    const answer = await exchange(
      this.addresses.put.replace("NAME", encodeURIComponent(item.name)),
      {
        method: "PUT",
        headers: {
          ...this.#headers("application/octet-stream"),
          "Content-Digest": `sha-256=:${base64(item.sha256)}:`,
          [UPLOAD]: upload,
        },
        ...{ body: file, onProgress, signal },
      },
    );
    return parseAnswer(answer, "verdict");
  }

  /** Report how far an upload has come. @returns {Promise<Answer | {kind: "answers"}>} */
  async report(upload, report) {
    const answer = await exchange(this.#reportAddress(upload), {
      method: "PUT",
      ...this.#reportOf(report),
    });
    if (answer.status === 200 && "address" in answer.body) {
      return { kind: "answers", address: answer.body.address };
    }
    return parseAnswer(answer, "address");
  }

  /** Report while the page is being left; the answer is ignored. */
  reportLast(upload, report) {
    sendLast(this.#reportAddress(upload), { method: "PUT", ...this.#reportOf(report) });
  }

  #reportOf(report) {
    return { headers: this.#headers("application/json"), body: JSON.stringify(report) };
  }

  #reportAddress(upload) {
    return this.addresses.report.replace("00000000-0000-0000-0000-000000000000", upload);
  }
}

/** @returns {Answer} */
function parseAnswer(answer, key) {
  const { failure, status, body, retryAfter } = answer;
  if (failure) return { kind: failure };
  if (body.verdict && body.file) return { kind: "verdict", verdict: body.verdict, file: body.file };
  const code = interference(answer, key);
  // The text of a proxy or firewall is not shown; the page has texts of its own.
  const told = { status, code: code || (body.code ?? ""), title: "", advice: "" };
  if (!code) Object.assign(told, { title: body.title ?? "", advice: body.advice ?? "" });
  if (!code && (status === 401 || told.code === "csrf-missing")) return { kind: "signed-out" };
  if (told.code === "tenant-differs") return { kind: "switched" };
  const isDamaged = DAMAGED.has(told.code);
  if (isDamaged || isPassing(answer)) {
    return { kind: "again", seconds: retryAfter, isDamaged, ...told };
  }
  return { kind: "refused", ...told };
}
