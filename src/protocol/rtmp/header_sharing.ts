// Tracks, for each chunk stream, how much header state the receiver shares with the sender, and how
// the current message is treated. Headers of types 1 to 3 depend on the previous one, so they can
// be passed on unchanged only if the receiver has that one too. All changes to this state are made
// here; others only read it. "Adobe RTMP Specification 1.0", section 5.3.1.2.

/** How much of a chunk stream's header state the receiver shares with the sender. */
const Shared = {
  /** Nothing: only a type 0 header may be passed on unchanged. */
  none: 0,
  /** Everything but the timestamp delta: a type 3 header must not begin a message. */
  allButDelta: 1,
  /** Everything. */
  all: 2,
} as const;

/** What a relay does with the chunks of a message. */
export const Treatment = {
  /** Passed on unchanged. */
  pass: 0,
  /** Passed on with a new header. */
  rewrite: 1,
  /** Extracted; the complete message is put back or acted upon. */
  collect: 2,
  /** Dropped. */
  drop: 3,
} as const;

/** The receiver's side of a chunk stream's state. The scanner stores it and never reads it. */
export interface HeaderSharing {
  /** One of `Shared`. */
  shared: number;
  /** One of `Treatment`, for the current message. */
  treatment: number;
}

/**
 * What is shared on a new chunk stream: everything, unless another sender may have used a chunk
 * stream with the same id towards the receiver.
 */
export function sharedAtFirst(isFirstSender: boolean): number {
  return isFirstSender ? Shared.all : Shared.none;
}

/** A message begins that is relayed, with a new header if the receiver could not read its own. */
export function relayMessage(stream: HeaderSharing, format: number, needsOtherIds: boolean): void {
  if (format === 0) {
    stream.shared = Shared.all;
    stream.treatment = needsOtherIds ? Treatment.rewrite : Treatment.pass;
  } else if (stream.shared >= (format === 3 ? Shared.all : Shared.allButDelta)) {
    stream.shared = Shared.all;
    stream.treatment = Treatment.pass;
  } else {
    stream.shared = Shared.allButDelta;
    stream.treatment = Treatment.rewrite;
  }
}

/** A message begins that is extracted until it is complete. */
export function collectMessage(stream: HeaderSharing): void {
  stream.shared = Shared.none;
  stream.treatment = Treatment.collect;
}

/** A message begins that is dropped. */
export function dropMessage(stream: HeaderSharing): void {
  stream.shared = Shared.none;
  stream.treatment = Treatment.drop;
}

/** A collected message is put back whole, with a type 0 header. */
export function putMessageBack(stream: HeaderSharing & { readonly format: number }): void {
  stream.shared = stream.format === 0 ? Shared.all : Shared.allButDelta;
}

/** The receiver was not sent what the sender sent, or was sent something else. */
export function unshare(stream: HeaderSharing): void {
  stream.shared = Shared.none;
}

/** The receiver is replaced by another one, which cannot use the rest of a begun message. */
export function changeReceiver(stream: HeaderSharing & { readonly received: number }): void {
  stream.shared = Shared.none;
  const isHalfTold = stream.received > 0 && stream.treatment !== Treatment.collect;
  if (isHalfTold) stream.treatment = Treatment.drop;
}

/** Whether the receiver is sent chunks of the current message as they arrive. */
export function isVisible({ treatment }: Readonly<HeaderSharing>): boolean {
  return treatment === Treatment.pass || treatment === Treatment.rewrite;
}
