// What a receiver has in common with the sender of a chunk stream, and what becomes of the message
// under way on it. Headers of types 1 to 3 lean on the one before, so they can pass as they are
// only where the receiver has that one too. Every change of either is made here; others only read.
// "Adobe RTMP Specification 1.0", section 5.3.1.2.

/** How much of a chunk stream's header state the receiver has in common with the sender. */
const Shared = {
  /** Nothing: only a type 0 header may be passed on as it is. */
  none: 0,
  /** All but the timestamp delta: a type 3 header must not begin a message. */
  allButDelta: 1,
  /** Everything. */
  all: 2,
} as const;

/** What a relay does with the chunks of a message. */
export const Treatment = {
  /** They pass as they are. */
  pass: 0,
  /** They pass behind another header. */
  rewrite: 1,
  /** They are taken out, and the message is put back or acted upon when it is whole. */
  collect: 2,
  /** They are left out. */
  drop: 3,
} as const;

/** The receiver's side of a chunk stream's state; the scanner keeps it and never looks at it. */
export interface HeaderSharing {
  /** One of `Shared`. */
  shared: number;
  /** One of `Treatment`: what becomes of the current message. */
  treatment: number;
}

/**
 * What is shared of a chunk stream on which nothing has been said yet: everything, unless another
 * sender has told the receiver something on a chunk stream of the same id.
 */
export function sharedAtFirst(isFirstSender: boolean): number {
  return isFirstSender ? Shared.all : Shared.none;
}

/** A message begins that is relayed, behind a new header if the receiver could not read its own. */
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

/** A message begins that is taken out until it is whole. */
export function collectMessage(stream: HeaderSharing): void {
  stream.shared = Shared.none;
  stream.treatment = Treatment.collect;
}

/** A message begins that the receiver does not get. */
export function dropMessage(stream: HeaderSharing): void {
  stream.shared = Shared.none;
  stream.treatment = Treatment.drop;
}

/** A message that was collected is put back whole, behind a type 0 header. */
export function putMessageBack(stream: HeaderSharing & { readonly format: number }): void {
  stream.shared = stream.format === 0 ? Shared.all : Shared.allButDelta;
}

/** The receiver does not get what was said, or gets something else in its place. */
export function unshare(stream: HeaderSharing): void {
  stream.shared = Shared.none;
}

/** From now on another receiver is told, which can do nothing with the rest of a message. */
export function changeReceiver(stream: HeaderSharing & { readonly received: number }): void {
  stream.shared = Shared.none;
  const isHalfTold = stream.received > 0 && stream.treatment !== Treatment.collect;
  if (isHalfTold) stream.treatment = Treatment.drop;
}

/** Whether the receiver sees chunks of the current message while they come. */
export function isVisible({ treatment }: Readonly<HeaderSharing>): boolean {
  return treatment === Treatment.pass || treatment === Treatment.rewrite;
}
