// Stores a folder from one visit to the next, for one person and tenant.

const STORE = "folders";

function database() {
  const opening = indexedDB.open("usage-upload", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  return finished(opening);
}

const finished = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

async function within(mode, act) {
  try {
    const open = await database();
    const result = await finished(act(open.transaction(STORE, mode).objectStore(STORE)));
    open.close();
    return result;
  } catch {
    // Storage is forbidden or broken: the folder is then kept as long as the page.
    return null;
  }
}

/** @returns {Promise<FileSystemDirectoryHandle|null>} */
export const remembered = (owner) =>
  within("readonly", (store) => store.get(owner)).then((handle) => handle ?? null);

export const remember = (owner, handle) =>
  within("readwrite", (store) => store.put(handle, owner));

export const forget = (owner) => within("readwrite", (store) => store.delete(owner));
