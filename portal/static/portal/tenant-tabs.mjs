// Leads from the anchors that a tenant's page had before its tabs to the right tab.

const TABS = {
  decide: "/to-decide",
  excuses: "/to-decide",
  late: "/to-decide",
  answered: "/to-decide",
  files: "/files",
  "for-them": "/files",
  servers: "/servers",
  keys: "/servers",
  tokens: "/servers",
  people: "/people",
  licences: "/settings",
};
const ROWS = /^(excuse|request|key|flag|licences)-[0-9]+$/;

const { address } = document.getElementById("tenant-tabs").dataset;
const name = location.hash.slice(1);
const tab = ROWS.test(name) ? "/to-decide" : Object.hasOwn(TABS, name) ? TABS[name] : "";

if (tab && location.pathname === address) {
  location.replace(address + tab + location.search + location.hash);
}
