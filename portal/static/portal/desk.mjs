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
  // Nothing can be pressed before something is ticked; the bar says so and stays.
  for (const button of form.querySelectorAll(".bulk button")) button.hidden = !ticked.length;
  const count = document.getElementById("selected-count");
  const { none, one, many } = count.dataset;
  setText(count, ticked.length > 1 ? many : ticked.length ? one : none, ticked.length);
  const missing = document.getElementById("selected-missing");
  const sum = ticked.reduce((found, box) => found + Number(box.dataset.missing), 0);
  setText(missing, sum ? missing.dataset.missing : "", sum);
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
  updateBar();
}

if (form) begin();
