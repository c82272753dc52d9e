// The microphone's last second, every 170 ms.
import { HOP_SAMPLES, RATE_HZ, SAMPLES } from "./sound_model.js";

export class Microphone {
  // `hear(second)` gets Float32Array [16000]; blocks that come while it works are kept.
  static async open(hear) {
    if (!navigator.mediaDevices) {
      throw new Error("No microphone: browsers have one for https and 127.0.0.1 only. Open the page there.");
    }
    // As it sounds: what a browser does to voices for calls is not in the clips models learn from.
    const asItSounds = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: asItSounds }).catch((error) => {
      throw new Error(`No microphone: ${error.message}. Allow it for this page.`);
    });
    const context = new AudioContext({ sampleRate: RATE_HZ }); // the browser resamples
    await context.audioWorklet.addModule("recorder.js");
    const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    const microphone = new Microphone(stream, context);
    node.port.onmessage = ({ data }) => microphone.take(data, hear);
    context.createMediaStreamSource(stream).connect(node);
    return microphone;
  }

  constructor(stream, context) {
    this.stream = stream;
    this.context = context;
    this.last = new Float32Array(SAMPLES);
    this.heard = HOP_SAMPLES - SAMPLES; // samples since the last call; the first waits for a whole second
    this.isBusy = false;
  }

  async take(block, hear) {
    this.last.copyWithin(0, block.length);
    this.last.set(block, SAMPLES - block.length);
    this.heard += block.length;
    if (this.heard < HOP_SAMPLES || this.isBusy) return;
    this.heard %= HOP_SAMPLES; // blocks of 128 samples do not end at a hop
    this.isBusy = true;
    await hear(this.last.slice()).finally(() => { this.isBusy = false; });
  }

  async close() {
    this.stream.getTracks().forEach((track) => track.stop());
    await this.context.close();
  }
}
