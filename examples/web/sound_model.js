// A .tflite file of 1 s of samples, by LiteRT's web runtime: frill_1s.tflite, or a classifier of `frill head`.
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import { readAttached } from "./attached.js";

export const RATE_HZ = 16000;
export const SAMPLES = 16000; // in, mono, in [-1, 1]
export const HOP_SAMPLES = 2720; // 170 ms: how often a new window begins

export class SoundModel {
  // `head` tells the labels and the threshold of a classifier; null for an embedding.
  constructor(model, head) {
    this.model = model;
    this.head = head;
  }

  static async load(url) {
    await loadLiteRt("node_modules/@litertjs/core/wasm/");
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url} is not there (${response.status}): copy frill_1s.tflite beside index.html under that name.`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const text = readAttached(bytes, "head.json");
    const model = await loadAndCompile(bytes, { accelerator: "wasm" });
    const shape = [...model.getInputDetails()[0].shape];
    if (shape.join() !== `1,${SAMPLES}`) throw new Error(`${url} takes [${shape}], not [1, ${SAMPLES}]: use the file whose name ends in _1s.tflite.`);
    return new SoundModel(model, text === null ? null : JSON.parse(text));
  }

  // One second of samples -> the row that the model gives of it, Float32Array, and milliseconds.
  async run(samples) {
    const begin = performance.now();
    const input = new Tensor(samples, [1, SAMPLES]);
    const outputs = await this.model.run([input]);
    const values = await outputs[0].data();
    input.delete(); // LiteRT's memory is not the page's: nothing collects it
    outputs.forEach((output) => output.delete());
    return { values, latency_ms: performance.now() - begin };
  }
}
