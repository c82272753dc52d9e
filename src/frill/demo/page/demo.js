// Records or decodes audio, sends its samples as float32 at their own rate, and shows what comes back. Text only ever goes in as text.
const element = (id) => document.getElementById(id);
const LONGEST_S = 60; // of a recording; it then stops by itself
const QUIET = 0.001; // a peak under -60 dB: a muted microphone
let about, recording, busy = false;

function say(text) { element("status").textContent = text; }

function fail(text) {
  element("error").textContent = text;
  element("error").hidden = false;
  say("");
}

async function attempt(action) {
  if (busy) return;
  busy = true;
  element("error").hidden = true;
  try { await action(); } catch (error) { fail(error.message); }
  busy = false;
}

function join(blocks) {
  const samples = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let end = 0;
  for (const block of blocks) { samples.set(block, end); end += block.length; }
  return samples;
}

async function start() {
  let stream;
  try {
    // As it sounds: what a browser does to voices for calls is not in the tasks' clips.
    stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  } catch (error) {
    throw new Error(`No microphone: ${error.message}. Allow it for this page, or choose a file.`);
  }
  const context = new AudioContext();
  await context.audioWorklet.addModule("/recorder.js");
  const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  const current = { context, stream, blocks: [], timer: setTimeout(() => attempt(stop), 1000 * LONGEST_S) };
  node.port.onmessage = ({ data }) => {
    current.blocks.push(data);
    element("level").value = Math.max(data.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0), 0.9 * element("level").value);
  };
  context.createMediaStreamSource(stream).connect(node);
  recording = current;
  element("record").textContent = "Stop";
  element("record").setAttribute("aria-pressed", "true");
  say(`Recording, ${LONGEST_S} s at most …`);
}

async function stop() {
  if (!recording) return;
  const { context, stream, blocks, timer } = recording;
  recording = undefined;
  clearTimeout(timer);
  stream.getTracks().forEach((track) => track.stop());
  await context.close();
  element("level").value = 0;
  element("record").textContent = "Record";
  element("record").setAttribute("aria-pressed", "false");
  await send(join(blocks), context.sampleRate, "the recording");
}

async function decode(file) {
  say(`Decoding ${file.name} …`);
  const context = new AudioContext();
  try {
    const audio = await context.decodeAudioData(await file.arrayBuffer());
    const mixed = new Float32Array(audio.length);
    for (let c = 0; c < audio.numberOfChannels; c++) audio.getChannelData(c).forEach((value, i) => { mixed[i] += value / audio.numberOfChannels; });
    await send(mixed, audio.sampleRate, file.name);
  } catch (error) {
    throw error.name === "EncodingError" ? new Error(`${file.name} is no audio that this browser can decode.`) : error;
  } finally {
    await context.close();
  }
}

async function send(samples, rateHz, name) {
  if (!samples.length) throw new Error(`There is no sound in ${name}.`);
  if (samples.byteLength > about.max_bytes) throw new Error(`${name} is longer than the ${Math.floor(about.max_bytes / 4 / rateHz)} s that fit here.`);
  say("Embedding …");
  const response = await fetch(`/embed?rate_hz=${rateHz}`, { method: "POST", body: samples }).catch(() => { throw new Error("The demo does not answer; is it still running?"); });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  show(answer);
  const rows = answer.windows === 1 ? "1 window" : `${answer.windows} windows`;
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const quiet = peak < QUIET ? " It is all but silent: is the microphone muted?" : "";
  say(`${answer.audio_s.toFixed(1)} s of audio, ${rows}, embedded in ${answer.latency_ms.toFixed(1)} ms (${(answer.latency_ms / answer.windows).toFixed(2)} ms a window).${quiet}`);
}

function make(tag, text, ...children) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  node.append(...children);
  return node;
}

function percent(share) {
  const rounded = Math.round(100 * share);
  return rounded === 0 ? "< 1 %" : rounded === 100 ? "> 99 %" : `${rounded} %`;
}

function show(answer) {
  element("results").replaceChildren(...Object.entries(answer.tasks).map(([task, shares]) => {
    const { labels, test_accuracy } = about.tasks[task];
    const items = Object.entries(shares).map(([label, share]) => {
      const bar = make("progress");
      bar.value = share;
      bar.ariaHidden = "true"; // the figure beside it says the same
      return make("li", undefined, make("span", label.replaceAll("_", " ")), make("span", percent(share)), bar);
    });
    const unknown = answer.unknown.includes(task) ? [make("p", "Unknown: none of the labels is likely enough.")] : [];
    return make("article", undefined, make("h2", task.replaceAll("_", " ")), ...unknown,
      make("p", `of ${labels} labels; right for ${test_accuracy.toFixed(0)} % of the task's test clips`), make("ol", undefined, ...items));
  }));
  element("results").hidden = false;
}

element("record").addEventListener("click", () => attempt(recording ? stop : start));
element("file").addEventListener("change", ({ target }) => { if (target.files.length) attempt(() => decode(target.files[0])); });
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
document.addEventListener("dragleave", () => document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (event.dataTransfer.files.length) attempt(() => decode(event.dataTransfer.files[0]));
});

fetch("/about").then((response) => response.json()).then((value) => {
  about = value;
  element("synthetic").hidden = !about.synthetic;
  element("about").textContent = `Model: ${about.model}, ${about.values} values every 170 ms. ${about.explains}`;
  say("Ready.");
}).catch(() => fail("The demo does not answer; is it still running?"));
