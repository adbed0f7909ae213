// Recording learners at this computer, text by text. What is read is kept here until the server has it.

import { judge, listen, open, record } from "./microphone.js";
import { refusal, sha256, tusUpload } from "./sending.js";
import * as takes from "./takes.js";

const page = document.getElementById("recorder");
const say = page.dataset;
const part = (id) => document.getElementById(id);
const alone = Boolean(say.alone);
const texts = [...part("turns").children].map((turn) => ({ position: turn.dataset.position, text: turn.textContent }));
// A voice alone is known after ten seconds: the texts are read one after the other, whichever they are.
const turns = alone ? [{ position: "", text: texts.map((one) => one.text).join(" ") }] : texts;
const PAUSE = alone ? 3 : 1.5;
const MOST = alone ? 30 : 40;
const RETRY_MS = 5000;
const USUAL_NOISE = -65;

let microphone = null;
let checked = null;
let at = 0;
let running = null;
let take = null;
let sending = false;

page.hidden = false;

function shown(level) {
  part("level").value = Math.max(-70, level);
}

async function opened() {
  if (microphone === null) {
    try {
      microphone = await open();
    } catch {
      part("verdict").textContent = say.noMicrophone;
      throw new Error("no microphone");
    }
  }
  return microphone;
}

part("check").addEventListener("click", async () => {
  part("check").disabled = true;
  try {
    await opened();
    part("verdict").textContent = say.silence;
    const silence = await listen(microphone, 2, shown);
    part("verdict").textContent = say.speak.replace("%s", texts[0].text);
    const speech = await listen(microphone, 4, shown);
    checked = judge(silence, speech);
    const words = { good: say.good, too_far: say.tooFar, too_loud: say.tooLoud, noisy_room: say.noisyRoom };
    part("verdict").textContent = words[checked.verdict];
    page.dataset.verdict = checked.verdict;
  } catch {
    // Said above.
  }
  part("check").disabled = false;
  (part("who").value ? part("record") : part("who")).focus();
});

function buttons() {
  const ready = Boolean(part("who").value) && at < turns.length;
  part("record").disabled = !ready || running !== null || take !== null;
  part("stop").disabled = running === null;
  for (const id of ["replay", "redo", "next"]) part(id).disabled = take === null || running !== null;
  part("skip").disabled = !ready || running !== null;
}

function showTurn() {
  take = null;
  const over = at >= turns.length;
  part("place").textContent = over ? "" : say.place.replace("%s", at + 1).replace("%t", turns.length);
  part("prompt").textContent = over ? say.finished : turns[at].text;
  part("said").textContent = "";
  buttons();
  if (over) {
    send();
    part("who").focus();
  } else part("record").focus();
}

part("who").addEventListener("change", () => {
  at = 0;
  if (part("who").value) showTurn();
  else buttons();
});

async function recordTurn() {
  try {
    await opened();
  } catch {
    return;
  }
  take = null;
  part("said").textContent = say.recording;
  running = record(microphone, { noise: checked ? checked.noise_dbfs : USUAL_NOISE, pause: PAUSE, most: MOST, tell: shown });
  buttons();
  part("stop").focus();
  const { blob, spoken } = await running.done;
  running = null;
  if (spoken) {
    take = {
      endpoint: say.endpoint, learner: part("who").value, position: turns[at].position, blob, at: Date.now(),
      microphone: checked ? JSON.stringify(checked) : "",
    };
    // Kept at once: a closed lid loses nothing.
    await takes.keep(take);
  }
  part("said").textContent = spoken ? say.recorded : say.tooQuiet;
  buttons();
  (spoken ? part("next") : part("record")).focus();
}

part("record").addEventListener("click", recordTurn);
part("redo").addEventListener("click", recordTurn);
part("stop").addEventListener("click", () => running && running.stop());
part("replay").addEventListener("click", () => {
  const address = URL.createObjectURL(take.blob);
  const player = new Audio(address);
  player.onended = () => URL.revokeObjectURL(address);
  player.play();
});
part("skip").addEventListener("click", async () => {
  await takes.forget(`${say.endpoint}|${part("who").value}|${turns[at].position}`);
  at += 1;
  showTurn();
});
part("next").addEventListener("click", () => {
  at += 1;
  showTurn();
});
part("forget").addEventListener("click", async () => {
  await takes.forgetAll();
  part("forget").hidden = true;
  part("sent").textContent = "";
});

/** Send one take; it is forgotten here once the server has it, or will never want it. */
async function sendOne(one) {
  const metadata = {
    learner: one.learner, position: one.position, filetype: one.blob.type, device: "computer",
    microphone: one.microphone, sha256: await sha256(one.blob),
  };
  return new Promise((resolve) => {
    tusUpload(one.blob, {
      endpoint: one.endpoint, token: say.token, metadata,
      onSuccess: async () => {
        await takes.forget(one.id);
        resolve("");
      },
      onError: async (error) => {
        const words = refusal(error);
        const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
        // A session that has ended, a full school or a busy hour may be mended: the reading waits.
        if (words && ![413, 429].includes(status)) await takes.forget(one.id);
        resolve(words ?? null);
      },
    }).start();
  });
}

async function send() {
  if (sending) return;
  sending = true;
  let trouble = "";
  try {
    for (;;) {
      const waiting = await takes.all();
      part("forget").hidden = waiting.length === 0;
      if (!waiting.length) {
        part("sent").textContent = trouble || say.sent;
        break;
      }
      part("sent").textContent = say.sending.replace("%s", waiting.length);
      const refused = navigator.onLine === false ? null : await sendOne(waiting[0]);
      if (refused === null) {
        part("sent").textContent = say.offline;
        setTimeout(send, RETRY_MS);
        break;
      }
      trouble = refused || trouble;
      if ((await takes.all()).length === waiting.length) {
        part("sent").textContent = trouble;
        break;
      }
    }
  } finally {
    sending = false;
  }
}

globalThis.addEventListener("online", async () => {
  if (at >= turns.length || !part("who").value) send();
});
// What an earlier visit left goes first.
takes.all().then((left) => left.length && send());
