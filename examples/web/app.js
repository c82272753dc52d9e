// Shows what the model says of the last second: a head's labels, or an embedding's figures.
import { Microphone } from "./microphone.js";
import { SoundModel } from "./sound_model.js";

const MODEL = "model.tflite";
const SHOWN = 5; // labels
const element = (id) => document.getElementById(id);
let model, microphone, embedding, remembered;

function say(text) { element("status").textContent = text; }

function fail(error) {
  element("error").textContent = error.message;
  element("error").hidden = false;
  say("");
}

function make(tag, ...children) {
  const node = document.createElement(tag);
  node.append(...children);
  return node;
}

function showLabels(probabilities) {
  const { labels, window_threshold: threshold } = model.head; // this is one window, no whole clip
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const best = order[0];
  element("answer").textContent = probabilities[best] < threshold ? "unknown" : labels[best];
  element("answer").hidden = false;
  element("labels").replaceChildren(...order.slice(0, SHOWN).map((index) => {
    const bar = make("progress");
    bar.value = probabilities[index];
    bar.ariaHidden = "true"; // the figure beside it says the same
    return make("li", make("span", labels[index]), make("span", `${Math.round(100 * probabilities[index])} %`), bar);
  }));
  element("labels").hidden = false;
}

function dot(a, b) { return a.reduce((sum, value, i) => sum + value * b[i], 0); }

function showEmbedding(values) {
  embedding = values;
  const length = Math.sqrt(dot(values, values));
  const figures = [
    ["values", String(values.length)],
    ["length", length.toFixed(3)],
    ["the first", [...values.slice(0, 4)].map((value) => value.toFixed(4)).join(", ")],
  ];
  if (remembered) {
    const cosine = dot(values, remembered) / length / Math.sqrt(dot(remembered, remembered));
    figures.push(["cosine with what is remembered", cosine.toFixed(3)]);
  }
  element("figures").replaceChildren(...figures.flatMap(([name, text]) => [make("dt", name), make("dd", text)]));
  element("figures").hidden = false;
}

async function hear(second) {
  element("level").value = second.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0);
  const { values, latency_ms } = await model.run(second);
  (model.head ? showLabels : showEmbedding)(values);
  say(`${latency_ms.toFixed(1)} ms for 1 s of sound.`);
}

async function toggle() {
  element("error").hidden = true;
  if (microphone) {
    await microphone.close();
    microphone = undefined;
  } else {
    microphone = await Microphone.open((second) => hear(second).catch(fail));
  }
  element("record").textContent = microphone ? "Stop" : "Record";
  element("record").setAttribute("aria-pressed", String(Boolean(microphone)));
  element("remember").hidden = !microphone || Boolean(model.head);
}

element("record").addEventListener("click", () => toggle().catch(fail));
element("remember").addEventListener("click", () => { remembered = embedding; });
SoundModel.load(MODEL).then((loaded) => {
  model = loaded;
  const what = model.head ? `a classifier of ${model.head.labels.length} labels` : "an embedding";
  element("about").textContent = `${MODEL}: ${what}, run by LiteRT in WebAssembly.`;
  element("record").disabled = false;
  say("Ready.");
}).catch(fail);
