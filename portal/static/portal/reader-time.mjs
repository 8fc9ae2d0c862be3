// Behind a deadline, which is told in the tenant's zone: what the reader's own clock
// shows then, and where that clock is, if it shows something else.

const DAY = { day: "numeric", month: "long" };
const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** How far from UTC the clock was told by, as its end says: +02:00; in minutes. */
function offsetOf(text) {
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(text) ?? [0, "+", 0, 0];
  return Number(`${sign}1`) * (60 * Number(hours) + Number(minutes));
}

function tell(time) {
  if (time.dataset.told) return;
  time.dataset.told = "yes";
  const instant = new Date(time.dateTime);
  if (offsetOf(time.dateTime) === -instant.getTimezoneOffset()) return;
  const language = document.documentElement.lang || "en";
  const tellIn = (form) => new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, form);
  const own = `${tellIn(DAY).format(instant)}, ${tellIn(TIME).format(instant)}`;
  const { timeZone } = tellIn(TIME).resolvedOptions();
  const zone = timeZone.split("/").pop().replaceAll("_", " ");
  const words = document.createElement("span");
  words.className = "quiet own-time";
  const text = time.dataset.own.replace("{time}", own).replace("{zone}", zone);
  words.textContent = ` ${text}`;
  // Behind the zone that the sentence ends with.
  time.closest("p").append(words);
}

/** Tell all that the page has now; what was told before stays. */
export function showReaderTimes() {
  for (const time of document.querySelectorAll("time[data-own]")) tell(time);
}

showReaderTimes();
