// Readings that were recorded here and are not sent yet: they outlive a reload, a closed laptop and a dead line.

const STORE = "takes";

function database() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("parlure", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "id" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

async function ask(mode, question) {
  const db = await database();
  try {
    return await new Promise((resolve, reject) => {
      const asked = db.transaction(STORE, mode);
      const request = question(asked.objectStore(STORE));
      asked.oncomplete = () => resolve(request.result);
      asked.onerror = () => reject(asked.error);
      asked.onabort = () => reject(asked.error);
    });
  } finally {
    db.close();
  }
}

/** Keep a take; a second one of the same text by the same learner takes its place. */
export function keep(take) {
  return ask("readwrite", (store) => store.put({ ...take, id: `${take.endpoint}|${take.learner}|${take.position}` }));
}

/** Return the takes that are not sent yet, of every session. */
export function all() {
  return ask("readonly", (store) => store.getAll());
}

export function forget(id) {
  return ask("readwrite", (store) => store.delete(id));
}

export function forgetAll() {
  return ask("readwrite", (store) => store.clear());
}
