// Counts the selected tenants of the billing desk, and their missing days. Without this
// script the boxes and the buttons work as they are.

const form = document.getElementById("selection");

function setText(element, text, count) {
  element.textContent = text.replace("{count}", String(count));
}

function updateBar() {
  const boxes = [...form.elements.tenant.length ? form.elements.tenant : [form.elements.tenant]];
  const ticked = boxes.filter((box) => box.checked);
  const all = document.getElementById("select-all");
  all.checked = ticked.length === boxes.length;
  all.indeterminate = ticked.length > 0 && !all.checked;
  // Without a selection there is nothing to do, and nothing to cover the list with.
  const bar = form.querySelector(".bulk");
  bar.hidden = !ticked.length;
  bar.classList.toggle("is-in-use", ticked.length > 0);
  const count = document.getElementById("selected-count");
  const { one, many } = count.dataset;
  setText(count, ticked.length > 1 ? many : one, ticked.length);
  const missing = document.getElementById("selected-missing");
  const sum = ticked.reduce((found, box) => found + Number(box.dataset.missing), 0);
  setText(missing, sum ? missing.dataset.missing : "", sum);
  leaveRoom();
}

// Has the browser stop above the bar when it scrolls to a row, or to what has the focus.
function leaveRoom() {
  const bar = form.querySelector(".bulk");
  const height = bar.hidden ? 0 : bar.offsetHeight;
  document.documentElement.style.setProperty("--bulk-height", `${height}px`);
}

function begin() {
  const all = document.getElementById("select-all");
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of form.querySelectorAll("[name=tenant]")) box.checked = all.checked;
    updateBar();
  });
  form.addEventListener("change", updateBar);
  // The form is as it was only after the event.
  form.addEventListener("reset", () => setTimeout(updateBar));
  document.getElementById("select-none").hidden = false;
  addEventListener("resize", leaveRoom);
  updateBar();
}

if (form) begin();
