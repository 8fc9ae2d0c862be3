// Makes the calendar one stop for the Tab key: arrow keys move inside, and the first
// day that is missing is scrolled into view when the page opens.

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

function setTabStop(table) {
  const all = [...table.querySelectorAll(".cell")];
  const first =
    table.querySelector('.cell[aria-current="true"]') ??
    table.querySelector("td.is-missing .cell, td.is-partial .cell") ??
    all[0];
  for (const cell of all) cell.tabIndex = cell === first ? 0 : -1;
  const frame = table.closest(".frame");
  if (first && frame) {
    // Sideways only: the page itself stays where it is.
    const middle = first.offsetLeft - frame.clientWidth / 2;
    frame.scrollLeft = Math.max(0, middle);
  }
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
// The part of the page with the calendar is replaced as verdicts come in.
const part = document.getElementById("period");
function refresh() {
  setUp(part);
  showReaderTimes();
}
if (part) new MutationObserver(refresh).observe(part, { childList: true });
