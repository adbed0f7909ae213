// Scores by keyboard. Without this script the page is a plain form with radio buttons; with the shortcuts switched off too.

import { forget, keep, recall, same, send as sent } from "./marks.js";

const KEPT = "parlure-rating-";
const TEN_AFTER_ONE_MS = 600;
const form = document.getElementById("rate");
const cells = [...form.querySelectorAll("[data-cell]")];
const sound = document.getElementById("sound");
const failed = document.getElementById("failed");
const left = document.getElementById("left");
const switched = document.getElementById("keys");
let here = -1;
let one = { cell: null, at: 0 };

const remembered = (name) => {
  try {
    return localStorage.getItem(KEPT + name);
  } catch {
    return null;
  }
};
const remember = (name, value) => {
  try {
    localStorage.setItem(KEPT + name, value);
  } catch {
    // a browser that keeps nothing
  }
};

const given = (cell) => cell.querySelector("input:checked");
const choice = (cell, value) => cell.querySelector(`input[value="${value}"]`);

const marks = () => Object.fromEntries(cells.filter(given).map((cell) => [given(cell).name, given(cell).value]));
const began = marks();

function told() {
  if (same(marks(), began)) forget(form.dataset.rating);
  else keep(form.dataset.rating, began, marks());
  const missing = cells.filter((cell) => !given(cell)).length;
  left.textContent = missing ? `${form.dataset.left} ${missing}` : form.dataset.complete;
}

function go(place, scroll = true) {
  if (place < 0 || place >= cells.length) return;
  here = place;
  (given(cells[here]) || cells[here].querySelector("input")).focus({ preventScroll: true });
  if (scroll) cells[here].scrollIntoView({ block: "nearest" });
}

function mark(cell, value) {
  const found = choice(cell, value);
  if (!found) return false;
  found.checked = true;
  cell.classList.remove("rate-cell--missing");
  told();
  return true;
}

function next(cell) {
  const place = cells.indexOf(cell);
  if (place + 1 < cells.length) go(place + 1);
  else go(place);
}

function allRight(word) {
  const own = [...word.querySelectorAll("[data-cell]")];
  for (const cell of own) {
    const numbers = [...cell.querySelectorAll("input")].map((input) => Number(input.value)).filter((n) => !isNaN(n));
    if (!given(cell)) mark(cell, Math.max(...numbers));
  }
  next(own[own.length - 1]);
}

function part(step) {
  const parts = [...new Set(cells.map((cell) => cell.dataset.part))];
  const wanted = parts[parts.indexOf(cells[Math.max(here, 0)].dataset.part) + step];
  if (wanted !== undefined) go(cells.findIndex((cell) => cell.dataset.part === wanted));
}

function play() {
  if (!sound.paused) {
    sound.pause();
    return;
  }
  sound.load(); // asked for anew: consent is asked each time
  sound.play().catch(() => {});
}

function digit(event) {
  const typed = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (typed) return typed[1];
  // The key right of 0, whatever is printed on it, and a letter for those who have no such key.
  return event.code === "Minus" || event.key.toLowerCase() === "d" ? "10" : null;
}

function score(value) {
  const before = one;
  one = { cell: null, at: 0 };
  // "1" was already taken as 1 when "0" comes right behind it: both together are ten.
  if (value === "0" && before.cell && performance.now() - before.at < TEN_AFTER_ONE_MS) {
    mark(before.cell, "10");
    if (cells[here] === before.cell) next(before.cell);
    return;
  }
  const cell = cells[Math.max(here, 0)];
  if (value === "1" && choice(cell, "10")) one = { cell, at: performance.now() };
  if (mark(cell, value)) next(cell);
}

function pressed(event) {
  const target = event.target;
  const ours = target === document.body || (target.matches("input[type=radio]") && form.contains(target));
  if (switched.getAttribute("aria-pressed") !== "true" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!ours) return;
  const cell = cells[Math.max(here, 0)];
  const word = cell.closest("[data-word]");
  const value = digit(event);
  const letter = event.key.toLowerCase();
  if (event.code === "Space") play();
  else if (event.key === "ArrowRight") go(here + 1);
  else if (event.key === "ArrowLeft") go(here - 1);
  else if (event.key === "ArrowDown") part(1);
  else if (event.key === "ArrowUp") part(-1);
  else if (event.key === "Enter") send();
  else if (letter === "u") score("u");
  else if (letter === "j" && word) allRight(word);
  else if (letter === "z") document.getElementById("undo")?.requestSubmit();
  else if (value !== null) score(value);
  else return;
  event.preventDefault();
}

function send() {
  const missing = cells.findIndex((cell) => !given(cell));
  if (missing < 0) {
    form.requestSubmit(document.getElementById("save"));
    return;
  }
  for (const cell of cells) cell.classList.toggle("rate-cell--missing", !given(cell));
  go(missing);
}

document.getElementById("tools").hidden = false;
const usual = remembered("keys") !== "off";
switched.setAttribute("aria-pressed", String(usual));
switched.addEventListener("click", () => {
  const on = switched.getAttribute("aria-pressed") !== "true";
  switched.setAttribute("aria-pressed", String(on));
  remember("keys", on ? "on" : "off");
});
for (const button of form.querySelectorAll("[data-right]")) {
  button.hidden = false;
  button.addEventListener("click", () => allRight(button.closest("[data-word]")));
}
for (const details of document.querySelectorAll("details[data-remember]")) {
  if (remembered(details.dataset.remember) === "closed") details.open = false;
  details.addEventListener("toggle", () => remember(details.dataset.remember, details.open ? "open" : "closed"));
}
const unsaved = recall(form.dataset.rating, began);
if (unsaved && !same(unsaved, began)) {
  for (const cell of cells) {
    const kept = choice(cell, unsaved[cell.querySelector("input").name]);
    if (kept) kept.checked = true;
  }
  document.getElementById("again").hidden = false;
}
form.addEventListener("change", told);
form.addEventListener("submit", () => sent(form.dataset.rating));
form.addEventListener("focusin", (event) => {
  const cell = event.target.closest("[data-cell]");
  for (const each of cells) each.classList.toggle("rate-cell--here", each === cell);
  if (cell) here = cells.indexOf(cell);
});
sound.addEventListener("error", () => (failed.hidden = false));
document.addEventListener("keydown", pressed);
told();
if (usual) go(Math.max(cells.findIndex((cell) => !given(cell)), 0), Boolean(document.querySelector(".fr-alert--error")));
