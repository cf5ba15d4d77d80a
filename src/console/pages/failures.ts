// Sentences for what can go wrong while playing.

/** The browser lacks what the format needs. */
export const UNSUPPORTED = "This browser cannot play this format";

/** The origin has closed the stream. */
export const ENDED = "The stream has ended";

/** The stream has broken off, as it does when its origin goes away. */
export const LOST = "The connection to the stream was lost";

/** No answer at all. */
export const UNREACHABLE = "The proxy does not answer";

/** What an HTTP status and the reason behind it mean to a viewer. */
export function describeStatus(status: number, reason = ""): string {
  if (reason === "Not Offered") {
    return `The origin of this stream does not offer it in this format, or not yet (${status})`;
  }
  if (status === 404) return "There is no such stream (404)";
  if (status === 401 || status === 403) return `You may not watch this stream (${status})`;
  if (status >= 500) return `The stream cannot be had at the moment (${status})`;
  return `Cannot play: the answer was ${status}`;
}

/** What the HTTP API's refusal of a WebRTC session means to whoever asked for it. */
export function describeRefusal(status: number, detail: string): string {
  if (status === 401) return "The proxy or the origin asks for a token, or for another one (401)";
  if (status === 404) return "There is no such stream (404)";
  if (status === 502) return "The origin has refused: is the stream free, or is there one? (502)";
  const why = detail === "" ? `the answer was ${status}` : `${detail} (${status})`;
  return `WebRTC cannot be set up: ${why}`;
}

/** No packet has come through. */
export const NO_MEDIA_PATH = "No media comes through: is the proxy's UDP port reachable from here?";

/** Anything else, in the words of the library. */
export function describeFailure(detail: string): string {
  return `Cannot play: ${detail}`;
}
