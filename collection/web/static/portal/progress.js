// Keeps a page of recordings up to date while they are listened to.

const EVERY_MS = 2000;
const shown = document.getElementById("recordings");

async function look() {
  let answer;
  try {
    answer = await (await fetch(shown.dataset.progress, { credentials: "same-origin" })).json();
  } catch {
    setTimeout(look, EVERY_MS); // the line is cut for a while
    return;
  }
  const watched = shown.dataset.watch;
  if (watched) {
    const one = answer.recordings.find((recording) => recording.id === watched);
    if (!one || (one.state !== "waiting" && one.state !== "working")) {
      location.reload();
      return;
    }
  } else {
    for (const recording of answer.recordings) {
      const row = shown.querySelector(`[data-recording="${recording.id}"]`);
      if (!row) {
        location.reload();
        return;
      }
      for (const field of row.querySelectorAll("[data-field]")) {
        const text = String(recording[field.dataset.field]);
        if (field.textContent !== text) field.textContent = text;
      }
    }
  }
  if (answer.pending) setTimeout(look, EVERY_MS);
  else if (!watched) document.getElementById("listening").textContent = shown.dataset.finished;
}

setTimeout(look, EVERY_MS);
