// Bytes as text and back without loss, one character per byte. Playlists and manifests are edited in this
// form: their syntax is ASCII, and everything else in them must come out unchanged, even if it is not
// valid UTF-8.

const CHUNK = 8192;

/** One character for each byte, with the byte's value as its code. */
export function textOfBytes(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    // Spreading the bytes does the same but takes seven times as long.
    text += Reflect.apply(String.fromCharCode, null, bytes.subarray(at, at + CHUNK));
  }
  return text;
}

/** The reverse of `textOfBytes`; no character may have a code over 255. */
export function bytesOfText(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
