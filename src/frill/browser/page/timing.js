// Runs models with LiteRT's web runtime, and times batches of calls: the clock of a page is coarse.
import { getWebGpuDevice, loadAndCompile, loadLiteRt, supportsFeature, Tensor, unloadLiteRt } from "@litertjs/core";

const MIN_BATCHES = 3; // a round, as a host has three invocations at least
const WARM_UP_CALLS = 3; // of each opening, not counted
let accelerator, threads, isLoaded = false;

// Loads the build for an accelerator, wasm, wasm-threads or webgpu, in place of the one before.
export async function load(wanted, maxThreads) {
  if (isLoaded) unloadLiteRt();
  isLoaded = false;
  const jspi = wanted === "webgpu" && await supportsFeature("jspi");
  if (wanted === "wasm-threads" && !crossOriginIsolated) {
    throw new Error(isSecureContext ? "this browser shares no memory between threads" : "browsers give threads to https and 127.0.0.1 only");
  }
  if (wanted === "webgpu" && !navigator.gpu) {
    throw new Error(isSecureContext ? "this browser has no WebGPU" : "browsers give WebGPU to https and 127.0.0.1 only");
  }
  const runtime = await loadLiteRt("runtime/@litertjs/core/wasm/", { threads: wanted === "wasm-threads", jspi });
  isLoaded = true;
  if (wanted === "webgpu" && !getWebGpuDevice()) throw new Error("this browser has WebGPU and found no GPU for it");
  accelerator = wanted === "webgpu" ? "webgpu" : "wasm";
  threads = wanted === "webgpu" ? 1 : Math.min(maxThreads, runtime.liteRtWasm.getThreadCount());
  const relaxed = await supportsFeature("relaxedSimd");
  return { threads, build: relaxed ? "relaxed SIMD" : "SIMD", adapter: wanted === "webgpu" ? describeAdapter() : null };
}

function describeAdapter() {
  const info = getWebGpuDevice().adapterInfo;
  return info ? [info.vendor, info.architecture, info.description].filter(Boolean).join(", ") : "";
}

// An opened model. `values` is the known input, float32 in the order of `shape`.
class Opened {
  constructor(model, values, shape) {
    this.model = model;
    this.values = values;
    this.shape = shape;
  }

  // What an app does for each window: the input is copied in, the outputs are copied out.
  async call() {
    const input = new Tensor(this.values, this.shape);
    const outputs = await this.model.run([input]);
    const copies = [];
    for (const output of outputs) copies.push(await output.data());
    input.delete();
    outputs.forEach((output) => output.delete());
    return copies;
  }
}

async function open({ bytes, values, shape }) {
  const model = await loadAndCompile(bytes, { accelerator, cpuOptions: { numThreads: threads } });
  if (model.options.accelerator !== accelerator) {
    model.delete();
    throw new Error("the GPU does not run all of the model, and this browser cannot share it with the CPU (no JSPI)");
  }
  return new Opened(model, values, shape);
}

// Returns the model's outputs one after another, and runs it until the browser has compiled its code with care.
export async function check(file, settleMs) {
  const opened = await open(file);
  const copies = await opened.call();
  const begin = performance.now();
  while (performance.now() - begin < settleMs) await opened.call();
  const isWhole = accelerator === "wasm" || opened.model.isFullyAccelerated;
  opened.model.delete();
  const output = new Float32Array(copies.reduce((sum, copy) => sum + copy.length, 0));
  let end = 0;
  for (const copy of copies) { output.set(copy, end); end += copy.length; }
  return { output, isWhole };
}

// Times a model that is opened anew: batches of calls, each of `batchMs` at least, for `roundMs` at least.
export async function timeRound(file, roundMs, batchMs) {
  const begin = performance.now();
  const opened = await open(file);
  const atFirst = performance.now();
  await opened.call();
  const afterFirst = performance.now();
  for (let i = 0; i < WARM_UP_CALLS; i++) await opened.call();
  const means = [];
  let calls = 1, total = 0, runs = 0;
  while (total < roundMs || means.length < MIN_BATCHES) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) await opened.call();
    const took = performance.now() - start;
    if (took < batchMs) { // too short for this clock: not counted, longer from now on
      calls = Math.max(calls + 1, Math.ceil(1.2 * calls * batchMs / Math.max(took, batchMs / 20)));
      continue;
    }
    means.push(took / calls);
    runs += calls;
    total += took;
  }
  opened.model.delete();
  return { init_ms: atFirst - begin, first_ms: afterFirst - atFirst, batch_ms: means, runs };
}

// Times single calls with a pause before each, as an app has them.
export async function timeCadence(file, calls, periodMs) {
  const opened = await open(file);
  await opened.call();
  const times = [];
  for (let i = 0; i < calls; i++) {
    await new Promise((done) => setTimeout(done, periodMs - (times.at(-1) ?? 0)));
    const start = performance.now();
    await opened.call();
    times.push(performance.now() - start);
  }
  opened.model.delete();
  return { call_ms: times };
}

// The smallest step of this page's clock.
export function findResolutionMs() {
  let smallest = Infinity, before = performance.now();
  for (let steps = 0; steps < 200;) {
    const now = performance.now();
    if (now > before) { smallest = Math.min(smallest, now - before); before = now; steps++; }
  }
  return smallest;
}
