// Adds the reader's local time, with its place, to a deadline that is shown in the
// tenant's zone, if the two clocks differ.

const DAY = { day: "numeric", month: "long" };
const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** How far from UTC the clock was told by, as its end says: +02:00; in minutes. */
function offsetOf(text) {
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(text) ?? [0, "+", 0, 0];
  return Number(`${sign}1`) * (60 * Number(hours) + Number(minutes));
}

function appendReaderTime(time) {
  if (time.dataset.told) return;
  time.dataset.told = "yes";
  const instant = new Date(time.dateTime);
  if (offsetOf(time.dateTime) === -instant.getTimezoneOffset()) return;
  const lang = document.documentElement.lang || "en";
  const formatterFor = (form) => new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, form);
  const own = `${formatterFor(DAY).format(instant)}, ${formatterFor(TIME).format(instant)}`;
  const { timeZone } = formatterFor(TIME).resolvedOptions();
  const zone = timeZone.split("/").pop().replaceAll("_", " ");
  const note = document.createElement("span");
  note.className = "quiet own-time";
  const text = time.dataset.own.replace("{time}", own).replace("{zone}", zone);
  note.textContent = ` ${text}`;
  // A sentence of its own, after the one that ends with the zone.
  time.closest("[data-own-time], p").append(note);
}

/** Add reader times to all deadlines on the page; existing ones stay. */
export function showReaderTimes() {
  for (const time of document.querySelectorAll("time[data-own]")) appendReaderTime(time);
}

showReaderTimes();
