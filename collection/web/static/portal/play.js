// Plays a segment in place. Each is asked for when it is played, so that consent is asked at that moment too.

let playing = null;

for (const link of document.querySelectorAll("[data-play]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = link.className;
  button.append(...link.childNodes);
  const words = button.firstElementChild;
  const play = words.textContent;
  button.addEventListener("click", () => {
    const mine = playing && playing.button === button;
    if (playing) playing.end();
    if (mine) return;
    const sound = new Audio(link.href);
    const end = (text) => {
      sound.pause();
      words.textContent = text;
      playing = null;
    };
    playing = { button, end: () => end(play) };
    words.textContent = link.dataset.stop;
    sound.addEventListener("ended", () => end(play));
    sound.addEventListener("error", () => end(link.dataset.failed));
    sound.play().catch(() => {});
  });
  link.replaceWith(button);
}
