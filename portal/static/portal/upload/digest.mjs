// Identifies a file by its SHA-256, or by its size and the signature at its end.

import { Sha256 } from "./sha256.mjs";

/** Length of the signature at the end of a usage file. */
const TAIL_BYTES = 64;

/** What is read at a time where the page has to hash by itself. */
const PIECE_BYTES = 256 * 1024;

/** Browsers offer their own hashing on https and on localhost only. */
export const hashesFast = Boolean(globalThis.crypto?.subtle);

/** @param {Blob} file @returns {Promise<Uint8Array>} */
export async function sha256(file) {
  if (hashesFast) {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  }
  const digest = new Sha256();
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    // Between pieces the page answers to its reader: reading gives way each time.
    digest.update(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
  }
  return digest.digest();
}

/** The last bytes in hexadecimal, "" where the file is shorter than a signature. */
export async function tail(file) {
  if (file.size < TAIL_BYTES) return "";
  return hex(new Uint8Array(await file.slice(-TAIL_BYTES).arrayBuffer()));
}

/** Set the identity by which the portal is queried; "" where the file is too short. */
export async function identify(item, file) {
  item.sha256 = hashesFast ? await sha256(file) : null;
  item.known = item.sha256 ? hex(item.sha256) : await tail(file);
}

/** The query for an item in a check request to the portal. */
export function queryFor(item) {
  const known = hashesFast ? { sha256: item.known } : { tail: item.known };
  return { name: item.name, size: item.size, ...known };
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}
