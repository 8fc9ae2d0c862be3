// Makes the calendar one stop for the Tab key: arrow keys move inside. The first missing
// day, or the day that is not over yet, is scrolled into view when the page opens.

import { showReaderTimes } from "./reader-time.mjs";

const STEPS = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
};

/** The cells of a table, row by row, with gaps where a server owes nothing. */
function cellsOf(table) {
  return [...table.tBodies[0].rows].map((row) =>
    [...row.querySelectorAll("td")].map((cell) => cell.querySelector(".cell")),
  );
}

/** The next cell in a direction, passing over days that nothing is owed for. */
function nextCell(cells, row, column, [down, right]) {
  let r = row + down;
  let c = column + right;
  while (cells[r] && c >= 0 && c < cells[r].length) {
    if (cells[r][c]) return cells[r][c];
    r += down;
    c += right;
  }
  return null;
}

/** The earliest of some cells; of the same day, that of the first server. */
function earliest(table, selector) {
  const cells = [...table.querySelectorAll(selector)];
  const columnOf = (cell) => cell.closest("td").cellIndex;
  return cells.reduce(
    (first, cell) => (!first || columnOf(cell) < columnOf(first) ? cell : first),
    null,
  );
}

function setTabStop(table) {
  const all = [...table.querySelectorAll(".cell")];
  const first =
    table.querySelector('.cell[aria-current="true"]') ??
    earliest(table, "td.is-missing .cell, td.is-partial .cell") ??
    earliest(table, "td.is-pending .cell");
  const stop = first ?? all[0];
  for (const cell of all) cell.tabIndex = cell === stop ? 0 : -1;
  if (first) scrollTo(first, table);
}

/** Scroll the frame sideways, so that the page itself stays where it is. */
function scrollTo(cell, table) {
  const frame = table.closest(".frame");
  if (!frame) return;
  // The column of the servers is pinned, and covers what is scrolled below it.
  const pinned = table.tBodies[0].rows[0].cells[0].getBoundingClientRect().width;
  const begin = frame.getBoundingClientRect().left + pinned;
  const box = cell.getBoundingClientRect();
  const room = frame.clientWidth - pinned - box.width;
  frame.scrollLeft += box.left - begin - Math.max(0, room) / 2;
}

function moveFocus(event) {
  const step = STEPS[event.key];
  const cell = event.target.closest?.(".calendar .cell");
  if (!step || !cell) return;
  const cells = cellsOf(cell.closest("table"));
  const row = cells.findIndex((one) => one.includes(cell));
  const next = nextCell(cells, row, cells[row].indexOf(cell), step);
  if (!next) return;
  event.preventDefault();
  cell.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function setUp(root) {
  for (const table of root.querySelectorAll("table.calendar")) setTabStop(table);
}

document.addEventListener("keydown", moveFocus);
setUp(document);
// Parts of the page are replaced as verdicts arrive.
for (const part of document.querySelectorAll("[data-live]")) {
  new MutationObserver(() => {
    setUp(part);
    showReaderTimes();
  }).observe(part, { childList: true });
}
