// Deletes local files that are safe to delete, and nothing else. A file is deleted only
// if its bytes, read again right before, are bytes that the portal has just confirmed
// as accepted and stored in the archive.

import { hex, sha256 } from "./digest.mjs";

/** As many as one question can be about. */
const ASK_AT_MOST = 1000;

/**
 * @typedef {object} Candidate
 * @property {import("./gather.mjs").Found} found
 * @property {string} sha256
 * @property {number} size
 */

/**
 * Which of these files the portal calls safe to delete; null if it cannot be asked.
 * @param {import("./gather.mjs").Found[]} all
 * @returns {Promise<Candidate[]|null>}
 */
export async function candidates(portal, all) {
  const known = [];
  for (const found of all) {
    const read = await readOne(found).catch(() => null);
    if (read) known.push({ found, sha256: read.sha256, size: read.file.size });
  }
  const safe = [];
  for (let at = 0; at < known.length; at += ASK_AT_MOST) {
    const some = known.slice(at, at + ASK_AT_MOST);
    const answer = await portal.check(some.map(queryFor));
    if (answer.kind !== "answers") return null;
    safe.push(...some.filter((one, index) => isSafe(one, answer.files[index].file)));
  }
  return safe;
}

/**
 * Delete one listed file.
 * @param {Candidate} listed
 * @returns {Promise<string>} "" if it is gone, else the word for why it was kept
 */
export async function remove(portal, listed) {
  const { found } = listed;
  let read;
  try {
    read = await readOne(found);
  } catch (error) {
    return error.name === "NotFoundError" ? "kept-gone" : "kept-open";
  }
  if (read.sha256 !== listed.sha256) return "kept-changed";
  const answer = await portal.check([queryFor(listed)]);
  if (answer.kind !== "answers") return "kept-no-answer";
  if (!isSafe(listed, answer.files[0].file)) return "kept-unsafe";
  try {
    // What was written while the portal was asked would go with it.
    const now = await found.open();
    const { size, lastModified } = read.file;
    if (now.size !== size || now.lastModified !== lastModified) return "kept-changed";
    await found.folder.removeEntry(found.name);
    return "";
  } catch (error) {
    if (error.name === "NotFoundError") return "kept-gone";
    return error.name === "NoModificationAllowedError" ? "kept-open" : "kept-failed";
  }
}

async function readOne(found) {
  const file = await found.open();
  return { file, sha256: hex(await sha256(file)) };
}

const queryFor = ({ found, size, sha256: known }) => ({ name: found.name, size, sha256: known });

const isSafe = ({ size, sha256: known }, file) =>
  file?.is_safe_to_delete === true && file.sha256 === known && file.size === size;
