// Sentences for what can go wrong while playing.

/** The browser lacks what the format needs. */
export const UNSUPPORTED = "This browser cannot play this format";

/** The origin has closed the stream. */
export const ENDED = "The stream has ended";

/** The stream has broken off, as it does when its origin goes away. */
export const LOST = "The connection to the stream was lost";

/** No answer at all. */
export const UNREACHABLE = "The proxy does not answer";

/** What an HTTP status means to a viewer. */
export function describeStatus(status: number): string {
  if (status === 404) return "There is no such stream (404)";
  if (status === 401 || status === 403) return `You may not watch this stream (${status})`;
  if (status >= 500) return `The stream cannot be had at the moment (${status})`;
  return `Cannot play: the answer was ${status}`;
}

/** Anything else, in the words of the library. */
export function describeFailure(detail: string): string {
  return `Cannot play: ${detail}`;
}
