// Collects the files that were dropped, chosen or pasted, including nested folders.
// Usage files are taken, whatever their names have in common; others are counted.

/**
 * @typedef {object} Found
 * @property {string} name
 * @property {string} path  with the folders below the one that was dropped
 * @property {() => Promise<File>} open  reads the file's state anew each time
 * @property {FileSystemFileHandle} [handle]
 * @property {FileSystemDirectoryHandle} [folder]  that the handle lies in
 */

const isUsageFile = (name) => /\.usg$/i.test(name);

/** Collects files, and says now and then how many there are so far. */
class Gathering {
  /** @type {Found[]} */
  found = [];
  others = 0;
  /** Folders that could not be read: nothing is known of what is in them. */
  unread = [];

  constructor(onCount) {
    this.onCount = onCount;
  }

  /** In the order of their names, which is that of their days. */
  inOrder() {
    const names = new Intl.Collator(undefined, { numeric: true });
    this.found.sort((one, other) => names.compare(one.path, other.path));
    return this;
  }

  take(found) {
    if (isUsageFile(found.name)) this.found.push(found);
    else this.others += 1;
    const count = this.found.length + this.others;
    if (count % 100 === 0) this.onCount(count);
  }
}

/** Files of a file input; they come with their folder's name where they have one. */
export function fromList(files) {
  const gathering = new Gathering(() => {});
  for (const file of files) {
    const path = file.webkitRelativePath.split("/").slice(1).join("/");
    gathering.take(ofFile(file, path || file.name));
  }
  return gathering.inOrder();
}

/**
 * Files and folders of a drop or a paste.
 *
 * Has to be called while the event is handled: its items are gone afterwards.
 * @param {DataTransfer} transfer
 */
export function fromTransfer(transfer, onCount) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const things = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const handle = items.length === 1 ? items[0].getAsFileSystemHandle?.() : null;
  // It may be refused; then the folder is read all the same, and not kept open.
  const kept = Promise.resolve(handle).catch(() => null);
  return { read: readThings(things.filter(Boolean), onCount), kept };
}

async function readThings(things, onCount) {
  const gathering = new Gathering(onCount);
  const folders = [];
  const isAlone = things.length === 1;
  for (const thing of things) {
    // Of a single folder the name says nothing; of several it tells them apart.
    const above = isAlone ? "" : `${thing.name}/`;
    if (thing instanceof File) gathering.take(ofFile(thing, thing.name));
    else if (thing.isDirectory) folders.push({ entry: thing, above });
    else gathering.take(ofEntry(thing, ""));
  }
  while (folders.length) {
    const { entry, above } = folders.pop();
    for (const child of await childrenOf(entry, gathering)) {
      if (child.isDirectory) folders.push({ entry: child, above: `${above}${child.name}/` });
      else gathering.take(ofEntry(child, above));
    }
  }
  return gathering.inOrder();
}

const ofFile = (file, path) => ({ name: file.name, path, open: async () => file });

const ofEntry = (entry, above) => ({
  name: entry.name,
  path: above + entry.name,
  open: () => new Promise((done, failed) => entry.file(done, failed)),
});

/** A reader gives a hundred at a time, and nothing once it has given all. */
async function childrenOf(folder, gathering) {
  const reader = folder.createReader();
  const children = [];
  try {
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return children;
      children.push(...some);
    }
  } catch {
    gathering.unread.push(folder.name);
    return children;
  }
}

/** @param {FileSystemDirectoryHandle} root a folder that is kept open */
export async function fromFolder(root, onCount = () => {}) {
  const gathering = new Gathering(onCount);
  const folders = [{ folder: root, above: "" }];
  while (folders.length) {
    const { folder, above } = folders.pop();
    try {
      for await (const handle of folder.values()) {
        const path = above + handle.name;
        if (handle.kind === "directory") folders.push({ folder: handle, above: `${path}/` });
        else {
          const open = () => handle.getFile();
          gathering.take({ name: handle.name, path, open, handle, folder });
        }
      }
    } catch {
      gathering.unread.push(folder.name);
    }
  }
  return gathering.inOrder();
}
