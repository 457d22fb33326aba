"use strict";
// One place after the other: what is asked for, shown, and said of it.
const at = id => document.getElementById(id);
let item = null, busy = false;

async function ask(path, word) {
  if (busy) return;
  busy = true;
  at("said").textContent = "";
  try {
    const told = word ? {method: "POST", body: JSON.stringify(word), headers: {"X-Token": data.token}} : {};
    const answer = await fetch(path, told), found = await answer.json();
    if (!answer.ok) { at("said").textContent = found.said; return; }
    await show(found);
  } catch (error) {
    at("said").textContent = `the server does not answer: ${error.message}`;
  } finally {
    busy = false;
  }
}

async function show(found) {
  at("counts").textContent = Object.entries(found.counts).map(([state, count]) => `${state} ${count}`).join(", ");
  item = found.item;
  at("word").hidden = !item;
  if (!item) { at("frame-title").textContent = "nothing is pending"; at("maps").replaceChildren(); return; }
  data.frames = [item];
  await choose(0);
  if ([...at("was").options].some(option => option.text === item.doubted)) at("was").value = item.doubted;
}

const say = word => item && ask("/word", {item: item.id, ...word});
at("accept").addEventListener("click", () => say({state: "accepted"}));
at("reject").addEventListener("click", () => say({state: "rejected"}));
at("word").addEventListener("submit", event => {
  event.preventDefault();
  const wrong = at("wrong").value, was = at("was").value && wrong !== "missing" ? [at("was").value] : [];
  const became = wrong === "extraneous" ? null : at("class").value;
  say({state: "fixed", wrong, was, became, holds: at("holds").value});
});
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const does = {a: () => at("accept").click(), r: () => at("reject").click(), w: () => at("wrong").focus(), v: () => at("was").focus(),
    c: () => at("class").focus(), h: () => at("holds").focus(), Enter: () => event.target === document.body && at("word").requestSubmit()};
  const found = does[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (found) { if (event.key !== "Enter") event.preventDefault(); found(); }
});
ask("/next");
