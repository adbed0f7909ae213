// The microphone: its level, what it records, and a verdict on the place it stands in.

const EVERY_MS = 50;
const SILENCE_DBFS = -100;

/** Open the microphone without what browsers do to make calls sound nice: phones would be scored on that. */
export async function open() {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 4096;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  /** Level (RMS) of the last tenth of a second in dBFS, and its peak from 0 to 1. */
  function measure() {
    analyser.getFloatTimeDomainData(samples);
    let power = 0;
    let peak = 0;
    for (const sample of samples) {
      power += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    return { level: Math.max(SILENCE_DBFS, 10 * Math.log10(power / samples.length + 1e-12)), peak };
  }
  return { stream, measure };
}

/** Measure for some seconds; `tell` hears each level. */
export function listen(microphone, seconds, tell) {
  return new Promise((resolve) => {
    const heard = [];
    const timer = setInterval(() => {
      const now = microphone.measure();
      heard.push(now);
      tell(now.level);
      if (heard.length * EVERY_MS >= seconds * 1000) {
        clearInterval(timer);
        resolve(heard);
      }
    }, EVERY_MS);
  });
}

const middle = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];

/** Judge a place from two seconds of silence and some of reading: levels in dBFS, and one of four verdicts. */
export function judge(silence, speech) {
  const noise = middle(silence.map((one) => one.level));
  const loud = speech.map((one) => one.level).sort((one, other) => other - one);
  const level = middle(loud.slice(0, Math.max(1, Math.floor(loud.length / 3))));
  const peak = Math.max(...speech.map((one) => one.peak));
  let verdict = "good";
  if (peak >= 0.99) verdict = "too_loud";
  else if (noise > -45) verdict = "noisy_room";
  else if (level < -40 || level - noise < 15) verdict = "too_far";
  return { level_dbfs: Math.round(level * 10) / 10, noise_dbfs: Math.round(noise * 10) / 10, verdict };
}

/** Record until it is quiet for `pause` seconds after speech, `most` seconds have passed, or `stop` is called. */
export function record(microphone, { noise, pause, most, tell }) {
  const type = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"].find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(microphone.stream, { mimeType: type, audioBitsPerSecond: 128000 });
  const parts = [];
  let spoken = false;
  let quiet = 0;
  let passed = 0;
  const threshold = Math.max(noise + 10, -50);
  recorder.ondataavailable = (event) => parts.push(event.data);
  const done = new Promise((resolve) => {
    recorder.onstop = () => resolve({ blob: new Blob(parts, { type: recorder.mimeType.split(";")[0] }), spoken });
  });
  const timer = setInterval(() => {
    const { level } = microphone.measure();
    tell(level);
    passed += EVERY_MS / 1000;
    if (level >= threshold) {
      spoken = true;
      quiet = 0;
    } else quiet += EVERY_MS / 1000;
    if ((spoken && quiet >= pause) || passed >= most) stop();
  }, EVERY_MS);
  function stop() {
    clearInterval(timer);
    if (recorder.state !== "inactive") recorder.stop();
  }
  recorder.start();
  return { done, stop };
}
