// The source of what is published: a camera, a screen, or a test picture.

/// <reference lib="dom" />

import { openTestPicture } from "./test_picture.ts";

export type SourceKind = "camera" | "screen" | "test";

/** The sources, in the order of the page. */
export const SOURCES: readonly { readonly kind: SourceKind; readonly label: string }[] = [
  { kind: "camera", label: "Camera" },
  { kind: "screen", label: "Screen" },
  { kind: "test", label: "Test picture" },
];

export interface MediaSource {
  readonly stream: MediaStream;
  close(): void;
}

const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };

/**
 * Opens a source, for which the browser may ask the user's permission.
 *
 * @throws Error with a sentence for the user
 */
export async function openSource(kind: SourceKind): Promise<MediaSource> {
  if (kind === "test") return openTestPicture();
  const { mediaDevices } = navigator;
  if (mediaDevices === undefined) {
    throw new Error("Browsers allow cameras and screens only on pages over HTTPS or at localhost");
  }
  try {
    const stream = kind === "camera"
      ? await mediaDevices.getUserMedia({ video: VIDEO, audio: true })
      : await mediaDevices.getDisplayMedia({ video: VIDEO, audio: true });
    return { stream, close: () => stream.getTracks().forEach((track) => track.stop()) };
  } catch (error) {
    throw new Error(describeDenial(error as DOMException), { cause: error });
  }
}

function describeDenial({ name, message }: DOMException): string {
  switch (name) {
    case "NotAllowedError":
      return "You or the browser's settings did not allow it";
    case "NotFoundError":
      return "There is no camera or no microphone";
    case "NotReadableError":
      return "Another program uses the camera or the microphone";
    default:
      return `The source cannot be opened: ${message}`;
  }
}
