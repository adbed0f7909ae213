// Sending one file by the tus protocol: resumable, checked, and patient with a bad line.

const HASHED_BYTES = 200 * 2 ** 20; // the browser hashes a file in memory, so only up to here
const CHUNK_BYTES = 8 * 2 ** 20; // after each, the server has it on its disk for sure
const DELAYS = [0, 1000, 3000, 5000, 10000, 20000];

/** Return the SHA-256 of a blob in hex, or null where the browser cannot. */
export async function sha256(blob) {
  if (blob.size > HASHED_BYTES || !globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Return why the server refused, in its own words; null when the line was cut. */
export function refusal(error) {
  const response = error.originalResponse;
  if (!response || response.getStatus() === 0) return null;
  try {
    return JSON.parse(response.getBody()).words || "";
  } catch {
    return "";
  }
}

/** Tell whether trying again can help: never against a refusal, except when another sender was in the way. */
function again(error) {
  const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
  if (status === 409 || status === 423 || status === 460) return true;
  return (status === 0 || status >= 500) && navigator.onLine !== false;
}

/** Return a tus upload of a blob; `metadata` values must be strings, empty ones are left out. */
export function tusUpload(blob, { endpoint, token, metadata, remember, ...on }) {
  const told = Object.fromEntries(Object.entries(metadata).filter(([, value]) => value));
  return new tus.Upload(blob, {
    endpoint,
    metadata: told,
    headers: { "X-CSRFToken": token },
    chunkSize: CHUNK_BYTES,
    retryDelays: DELAYS,
    storeFingerprintForResuming: Boolean(remember),
    removeFingerprintOnSuccess: true,
    onShouldRetry: again,
    ...on,
  });
}
