// Files in the zip behind a .tflite file, stored without compression, as TFLite metadata has them.
// Fields by https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.
const END = 0x06054b50, ENTRY = 0x02014b50;

// Returns the text of a file by its name; null where there is none, or no zip.
export function readAttached(bytes, name) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - 22; // the end record, without a comment
  if (end < 0 || view.getUint32(end, true) !== END) return null;
  const decoder = new TextDecoder();
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== ENTRY) return null;
    const nameLength = view.getUint16(at + 28, true);
    if (decoder.decode(bytes.subarray(at + 46, at + 46 + nameLength)) === name) {
      const local = view.getUint32(at + 42, true);
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      return decoder.decode(bytes.subarray(start, start + view.getUint32(at + 24, true)));
    }
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return null;
}
