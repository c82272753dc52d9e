// Does, step by step, what the computer asks for, and answers what came of it.
import { check, findResolutionMs, load, timeCadence, timeRound } from "./timing.js";

const element = (id) => document.getElementById(id);
const files = new Map(); // by number: what was fetched of each model
let plan, alive, wasHidden = document.hidden, isOver = false;

function say(text) { element("status").textContent = text; }

function fail(text) {
  isOver = true;
  element("error").textContent = text;
  element("error").hidden = false;
  element("progress").hidden = true;
  say("");
}

async function post(path, value) {
  const response = await fetch(path, { method: "POST", body: JSON.stringify(value) }).catch(() => { throw new Error("The computer does not answer any more; is the command still running?"); });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function fetchBytes(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} cannot be fetched (${response.status})`);
  return response.arrayBuffer();
}

async function getFile(number) {
  if (!files.has(number)) {
    say(`Loading ${plan.models[number].name} …`);
    const bytes = new Uint8Array(await fetchBytes(`model/${number}`));
    const values = new Float32Array(await fetchBytes(`input/${number}`));
    files.set(number, { bytes, values, shape: plan.models[number].shape });
  }
  return files.get(number);
}

function encode(floats) {
  let text = "";
  for (const byte of new Uint8Array(floats.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}

function pause(ms) { return new Promise((done) => setTimeout(done, ms)); }

async function untilVisible() {
  while (document.hidden) await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
}

const STEPS = {
  async load({ accelerator, max_threads }) {
    say(`Loading LiteRT for ${accelerator} …`);
    return load(accelerator, max_threads);
  },
  async check({ model, settle_ms }) {
    const file = await getFile(model);
    say(`Checking the output of ${plan.models[model].name} …`);
    const { output, isWhole } = await check(file, settle_ms);
    return { output: encode(output), is_whole: isWhole };
  },
  async pair({ models, round_ms, batch_ms, text, done }) {
    await untilVisible();
    wasHidden = false;
    say(text);
    element("progress").value = done;
    const rounds = [];
    for (const model of models) {
      await pause(20); // what is to be drawn is drawn before
      rounds.push(await timeRound(await getFile(model), round_ms, batch_ms));
    }
    await pause(0); // a round lets no event through: now it is heard that the page was hidden
    return { rounds, was_hidden: wasHidden };
  },
  async cadence({ model, calls, period_ms }) {
    say(`Calling ${plan.models[model].name} each ${period_ms} ms, as an app does …`);
    return timeCadence(await getFile(model), calls, period_ms);
  },
};

function make(tag, text) {
  const cell = document.createElement(tag);
  cell.textContent = text;
  if (tag === "th") cell.scope = "row";
  return cell;
}

function show(rows) {
  element("results").tBodies[0].replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((text, i) => make(i ? "td" : "th", text)));
    return row;
  }));
  element("results").hidden = false;
}

async function describe() {
  const known = await navigator.userAgentData?.getHighEntropyValues(["model", "platformVersion"]);
  return {
    user_agent: navigator.userAgent,
    device: known?.model ?? "",
    system: known ? `${known.platform} ${known.platformVersion}`.trim() : "",
    cores: navigator.hardwareConcurrency ?? 0,
    memory_gib: navigator.deviceMemory ?? null,
    is_isolated: crossOriginIsolated,
    resolution_ms: findResolutionMs(),
  };
}

async function run() {
  await untilVisible();
  plan = await post("begin", await describe());
  // It ends when this page does, by which the computer knows. Kept, lest it is collected.
  alive = await fetch("alive");
  await navigator.wakeLock?.request("screen").catch(() => {});
  let answer = null;
  for (;;) {
    const step = await post("next", answer);
    if (step.do === "end") {
      isOver = true;
      element("progress").value = 1;
      show(step.rows);
      say("Done. The computer has the figures, too; this page can be closed.");
      post("next", {}).catch(() => {}); // that it is shown; there is nothing to come
      return;
    }
    try {
      answer = await STEPS[step.do](step);
    } catch (error) {
      answer = { error: String(error.message ?? error) };
    }
  }
}

document.addEventListener("visibilitychange", () => { wasHidden ||= document.hidden; });
addEventListener("unhandledrejection", ({ reason }) => { if (!isOver) fail(String(reason?.message ?? reason)); });
element("about").textContent = navigator.userAgent;
run().catch((error) => fail(error.message));
