// The page that sends recordings: many files, each of one learner; goes on after a cut line or a reload.

import { refusal, sha256, tusUpload } from "./sending.js";

const AT_ONCE = 2;
const RETRY_MS = 4000;
const sender = document.getElementById("sender");
const say = sender.dataset;
const list = document.getElementById("chosen");
const status = document.getElementById("sender-status");
const sendAll = document.getElementById("send-all");
const pause = document.getElementById("pause");
const rows = new Set();
let paused = false;

document.getElementById("plain-sender").remove();
sender.hidden = false;

/** Letters and digits without accents, in lower case. */
function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, " ").trim();
}

/** Guess whose a file is: the one choice of which the file name holds the most words. */
function guess(name, select) {
  const words = new Set(plain(name.replace(/\.[^.]+$/, "")).split(" "));
  const scored = [...select.options]
    .filter((option) => option.value)
    .map((option) => ({ value: option.value, hits: plain(option.text).split(" ").filter((word) => words.has(word)).length }))
    .sort((one, other) => other.hits - one.hits);
  if (!scored.length) return "";
  if (scored.length === 1) return scored[0].value;
  return scored[0].hits > scored[1].hits ? scored[0].value : "";
}

function show(row, text, percent) {
  row.label.textContent = text;
  if (percent !== undefined) row.bar.value = percent;
}

function add(file) {
  const item = document.getElementById("one-file").content.firstElementChild.cloneNode(true);
  const row = {
    file, item, state: "ready", upload: null,
    select: item.querySelector("select"), bar: item.querySelector("progress"), label: item.querySelector(".portal-file__state"),
  };
  const id = `file-${crypto.randomUUID ? crypto.randomUUID() : Math.random().toString(36).slice(2)}`;
  item.querySelector(".portal-file__name").textContent = file.name;
  row.select.id = id;
  item.querySelector("label").htmlFor = id;
  item.querySelector("label span").textContent = ` ${file.name}`;
  row.bar.setAttribute("aria-label", file.name);
  const remove = item.querySelector("button");
  remove.setAttribute("aria-label", `${remove.textContent} ${file.name}`);
  remove.addEventListener("click", () => {
    if (row.upload) row.upload.abort(row.state !== "done");
    rows.delete(row);
    item.remove();
    refresh();
    document.getElementById("files").focus();
  });
  row.select.value = guess(file.name, row.select);
  row.select.addEventListener("change", refresh);
  const ending = `.${file.name.split(".").pop().toLowerCase()}`;
  if (file.size > Number(say.max)) fail(row, say.tooLarge);
  else if (!say.endings.split(",").includes(ending)) fail(row, say.wrongType);
  else show(row, say.waiting);
  rows.add(row);
  list.append(item);
}

function fail(row, words) {
  row.state = "failed";
  show(row, words || say.failed);
  row.item.classList.add("portal-file--failed");
}

function refresh() {
  const all = [...rows];
  sendAll.disabled = !all.some((row) => row.state === "ready");
  pause.hidden = !all.some((row) => row.state === "going" || row.state === "cut");
  if (all.length && all.every((row) => row.state === "done")) status.textContent = say.allDone;
}

async function start(row) {
  if (!row.select.value) {
    show(row, say.choose);
    return false;
  }
  row.state = "going";
  row.select.disabled = true;
  show(row, say.checking);
  const metadata = {
    learner: row.select.value === "class" ? "" : row.select.value,
    filetype: row.file.type,
    device: document.getElementById("device").value,
    sha256: await sha256(row.file),
  };
  row.upload = tusUpload(row.file, {
    endpoint: say.endpoint, token: say.token, metadata, remember: true,
    onProgress: (sent, total) => {
      const percent = Math.floor((100 * sent) / total);
      show(row, say.going.replace("%s", percent), percent);
    },
    onSuccess: () => {
      row.state = "done";
      row.item.querySelector("button").remove();
      show(row, say.arrived, 100);
      next();
    },
    onError: (error) => {
      const words = refusal(error);
      if (words === null) {
        row.state = "cut";
        show(row, say.offline);
      } else fail(row, words);
      next();
    },
  });
  const before = (await row.upload.findPreviousUploads()).filter((one) => (one.metadata.learner || "") === metadata.learner);
  if (before.length) row.upload.resumeFromPreviousUpload(before[0]);
  row.upload.start();
  return true;
}

async function next() {
  refresh();
  if (paused) return;
  for (const row of rows) {
    if ([...rows].filter((one) => one.state === "going").length >= AT_ONCE) return;
    if (row.state === "cut" && navigator.onLine !== false) {
      row.state = "going";
      row.upload.start();
    } else if (row.state === "queued" && !(await start(row))) row.state = "ready";
  }
  refresh();
}

sendAll.addEventListener("click", () => {
  paused = false;
  for (const row of rows) if (row.state === "ready") row.state = "queued";
  const unknown = [...rows].find((row) => row.state === "queued" && !row.select.value);
  next();
  if (unknown) unknown.select.focus();
});
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  for (const row of rows) {
    if (paused && row.state === "going" && row.upload) {
      row.upload.abort();
      row.state = "cut";
      show(row, say.paused);
    }
  }
  next();
});
globalThis.addEventListener("online", next);
setInterval(() => [...rows].some((row) => row.state === "cut") && next(), RETRY_MS);
globalThis.addEventListener("beforeunload", (event) => {
  if ([...rows].some((row) => row.state === "going")) event.preventDefault();
});

function take(files) {
  for (const file of files) add(file);
  refresh();
}
const chooser = document.getElementById("files");
chooser.addEventListener("change", () => {
  take(chooser.files);
  chooser.value = "";
});
const drop = document.getElementById("drop");
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("portal-drop--over");
  });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("portal-drop--over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files);
});
