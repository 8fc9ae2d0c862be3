// Beside a deadline, which is told in the tenant's zone: what the reader's own clock
// shows then, where that is something else.

const AS_TOLD = { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** What the clocks of a zone show at an instant; no zone is the reader's own. */
function clock(instant, zone) {
  return new Intl.DateTimeFormat("en-GB", { ...AS_TOLD, timeZone: zone }).format(instant);
}

function tell(time) {
  if (time.dataset.told) return;
  time.dataset.told = "yes";
  const instant = new Date(time.dateTime);
  const own = clock(instant);
  if (own === clock(instant, time.dataset.zone)) return;
  const words = document.createElement("span");
  words.className = "quiet own-time";
  words.textContent = `, ${time.dataset.own.replace("%s", own)}`;
  // Behind the zone that the sentence ends with.
  time.closest("p").append(words);
}

function tellAll() {
  for (const time of document.querySelectorAll("time[data-zone]")) tell(time);
}

tellAll();
// The upload page puts a new period in the place of the old one.
const period = document.getElementById("period");
if (period) new MutationObserver(tellAll).observe(period, { childList: true });
