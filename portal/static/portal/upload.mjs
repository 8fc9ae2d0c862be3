// The upload page: sends dropped, chosen and pasted files in a run, and shows its
// progress and the verdicts.

import "./calendar.mjs";
import { Calendar } from "./upload/calendar.mjs";
import { WatchedFolder } from "./upload/watched-folder.mjs";
import { fromList, fromTransfer } from "./upload/gather.mjs";
import { Portal } from "./upload/requests.mjs";
import { Reporter } from "./upload/report.mjs";
import { Run } from "./upload/run.mjs";
import { Summary } from "./upload/summary.mjs";
import { RunView } from "./upload/view.mjs";
import { Texts } from "./upload/text.mjs";

/** Announcements closer than this to one another are not heard to their end. */
const SAY_MS = 1_000;

const root = document.getElementById("upload");
const drop = document.getElementById("drop");
const says = document.getElementById("upload-says");
const texts = new Texts(document.getElementById("upload-words"), root.dataset.zone);
const portal = new Portal(root.dataset);
const run = new Run(portal, { maxBytes: Number(root.dataset.maxBytes) || Infinity });
const section = document.getElementById("run");
const view = new RunView(run, texts, {
  ...{ section, announce, fileAddress: root.dataset.file },
  ...{ period: root.dataset.period, periodAddress: root.dataset.periodAddress },
});
const reporter = new Reporter(run, portal);
const summary = new Summary(document.getElementById("summary"), texts, {
  ...{ customer: root.dataset.customer, announce },
});
const calendar = new Calendar(document.getElementById("period"), root.dataset.customer);
const folder = new WatchedFolder(root, {
  ...{ texts, portal, announce },
  owner: root.dataset.owner,
  send: (gathering) => begin(gathering, { isFresh: false }),
});

let sayTimer = 0;

/** Say something to who cannot see it, once; the last of several at a time. */
function announce(text) {
  clearTimeout(sayTimer);
  sayTimer = setTimeout(() => {
    says.textContent = text;
  }, SAY_MS);
}

/** @param {{found: object[], others: number, unread: string[]}} gathering */
function begin(gathering, { isFresh = true } = {}) {
  // What a person brings begins a list of its own; what a folder brings joins it.
  if (isFresh && !run.isGoing) {
    run.clear();
    view.clear();
    reporter.clear();
  }
  reporter.others += gathering.others;
  if (gathering.found.length) run.add(gathering.found);
  view.showSkipped(gathering);
}

/** Begin with what a drop or a paste holds, once all of it is known. */
async function beginWhenRead({ read, kept }) {
  if (!run.isGoing) view.showReading(0);
  focusRun();
  const gathering = await read;
  begin(gathering);
  if (!gathering.found.length) announce(texts.render("nothing"));
  const handle = await kept;
  if (handle?.kind === "directory") folder.propose(handle);
}

/** Lead to the run whoever has just dropped or chosen something. */
function focusRun() {
  section.hidden = false;
  document.getElementById("run-title").focus();
}

const onCount = (count) => run.isGoing || view.showReading(count);

for (const id of ["pick-folder", "pick-files"]) {
  document.getElementById(id).addEventListener("change", ({ target }) => {
    const gathering = fromList(target.files);
    target.value = "";
    beginWhenRead({ read: Promise.resolve(gathering), kept: null });
  });
}

// A drop beside the zone would make the browser show the file and leave the page.
let depth = 0;
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  depth += 1;
  drop.classList.add("is-over");
});
addEventListener("dragleave", (event) => {
  if (!hasFiles(event)) return;
  depth = Math.max(0, depth - 1);
  drop.classList.toggle("is-over", depth > 0);
});
addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
});
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth = 0;
  drop.classList.remove("is-over");
  beginWhenRead(fromTransfer(event.dataTransfer, onCount));
});
addEventListener("paste", (event) => {
  if (!event.clipboardData?.types.includes("Files")) return;
  event.preventDefault();
  beginWhenRead(fromTransfer(event.clipboardData, onCount));
});

function warn(event) {
  event.preventDefault();
}

run.addEventListener("began", () => {
  addEventListener("beforeunload", warn);
  summary.hide();
});
run.addEventListener("moved", ({ detail }) => {
  if (detail.item.hasEnded && detail.item.row) calendar.refreshSoon();
});
run.addEventListener("done", () => {
  removeEventListener("beforeunload", warn);
  const focused = document.activeElement;
  const isHere = section.contains(focused) || drop.contains(focused) || focused === document.body;
  announce(summary.done(run));
  calendar.refreshSoon();
  if (!isHere) return;
  summary.heading.focus({ preventScroll: true });
  summary.section.scrollIntoView({ block: "start" });
});
reporter.addEventListener("reported", ({ detail }) => {
  if (!detail.isLast) return;
  summary.stored(detail.address);
  // Only now it is certain which periods the upload has files of.
  calendar.refreshSoon();
});
// Left in the middle, by whatever way: the next visit says how far it had come.
addEventListener("pagehide", () => reporter.leave());

root.hidden = drop.hidden = false;
