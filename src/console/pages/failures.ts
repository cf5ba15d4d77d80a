// What can go wrong in playing or publishing: a sentence for each failure, and whether retrying may help.

/** Why there is no picture. */
export interface Failure {
  readonly sentence: string;
  /** Whether retrying is pointless. */
  readonly isFinal: boolean;
}

function passing(sentence: string): Failure {
  return { sentence, isFinal: false };
}

function final(sentence: string): Failure {
  return { sentence, isFinal: true };
}

export const UNSUPPORTED = final("This browser cannot play this format");

export const ENDED = passing("The stream has ended");

/** The stream has broken off, as it does when its origin goes away. */
export const LOST = passing("The connection to the stream was lost");

/** The picture stands still. */
export const STALLED = passing("Nothing is arriving any more");

/** There has been no picture for a long time. */
export const SILENT = passing("Nothing has arrived yet");

export const UNREACHABLE = passing("The proxy does not answer");

/** No packet has arrived. */
export const NO_MEDIA_PATH = passing(
  "No media arrives: is the proxy's UDP port reachable from here?",
);

/** What an HTTP status and its reason phrase mean to a viewer. */
export function describeStatus(status: number, reason = ""): Failure {
  if (reason === "Not Offered") {
    const what = "The origin of this stream does not offer it in this format, or not yet";
    return passing(`${what} (${status})`);
  }
  if (status === 404) return passing(`There is no such stream (${status})`);
  if (status === 401 || status === 403) return final(`You may not watch this stream (${status})`);
  if (status >= 500) return passing(`The stream is not available at the moment (${status})`);
  return final(`Cannot play: the answer was ${status}`);
}

/** What it means when the HTTP API refuses a WebRTC session. */
export function describeRefusal(status: number, detail: string): Failure {
  if (status === 401) {
    return final("The token is missing or wrong (401)");
  }
  if (status === 404) return passing("There is no such stream (404)");
  if (status === 502) {
    return passing("The origin refused: is the stream taken, or not published yet? (502)");
  }
  const why = detail === "" ? `the answer was ${status}` : `${detail} (${status})`;
  const sentence = `WebRTC cannot be set up: ${why}`;
  return status >= 500 ? passing(sentence) : final(sentence);
}

/** Any other failure, in the library's words. */
export function describeFailure(detail: string): Failure {
  return passing(`Cannot play: ${detail}`);
}

/** What went wrong, before a sentence about what happens next; empty if nothing did. */
export function sentenceBefore(failure: Failure | undefined): string {
  if (failure === undefined) return "";
  return `${failure.sentence}${failure.sentence.endsWith("?") ? "" : "."} `;
}

export class FailureError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.sentence);
    this.failure = failure;
  }
}
