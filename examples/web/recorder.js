// Hands every block of the microphone's samples to the page, mono.
class Recorder extends AudioWorkletProcessor {
  process([channels]) {
    if (channels.length) this.port.postMessage(mean(channels));
    return true;
  }
}

function mean(channels) {
  const mixed = channels[0].slice();
  for (const channel of channels.slice(1)) channel.forEach((value, i) => { mixed[i] += value; });
  return mixed.map((value) => value / channels.length);
}

registerProcessor("recorder", Recorder);
