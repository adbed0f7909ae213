// Shows how far the build of a release is, and loads the page again when it has ended.

const EVERY_MS = 2000;
const shown = document.getElementById("building");
const bar = document.getElementById("made");

async function look() {
  let answer;
  try {
    answer = await (await fetch(shown.dataset.progress, { credentials: "same-origin" })).json();
  } catch {
    setTimeout(look, EVERY_MS); // the line is cut for a while
    return;
  }
  if (!answer.pending) {
    location.reload();
    return;
  }
  document.getElementById("state").textContent = answer.words;
  if (answer.total) {
    bar.max = answer.total;
    bar.value = answer.done;
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
