// Scores that are not saved yet, kept in this tab until they are: when a session ends or a round is closed meanwhile, the
// page of the same reading finds them again. Names of scores and their values alone: no text, no sound, nobody's name.

const KEPT = "parlure-marks-";

const store = (use, otherwise) => {
  try {
    return use(sessionStorage);
  } catch {
    return otherwise; // a browser that keeps nothing
  }
};

const read = (key) => store((kept) => JSON.parse(kept.getItem(key)), null);
const write = (key, value) => store((kept) => kept.setItem(key, JSON.stringify(value)));

export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

// ``began`` is what the page came with: when the server has another draft by then, that one is the newer.
export const keep = (rating, began, marks) => write(KEPT + rating, { began, marks, sent: false });

export const forget = (rating) => store((kept) => kept.removeItem(KEPT + rating));

export function send(rating) {
  const found = read(KEPT + rating);
  if (found) write(KEPT + rating, { ...found, sent: true });
}

// What was sent of other readings has arrived, or its reading has left: this page would not be the next one otherwise.
export function recall(rating, began) {
  const keys = store((kept) => Object.keys(kept), []);
  for (const key of keys) {
    if (key.startsWith(KEPT) && key !== KEPT + rating && read(key)?.sent !== false) store((kept) => kept.removeItem(key));
  }
  const found = read(KEPT + rating);
  return found && same(found.began, began) ? found.marks : null;
}
