// Checks MPEG transport streams (ISO/IEC 13818-1 section 2.4.3) for losses.

const PACKET = 188;
const NULL_PID = 0x1fff;

/** The number of packets of a stream, and of missing, duplicate or broken ones. */
export interface Continuity {
  readonly packets: number;
  readonly errors: number;
}

/** Counts the packets of a whole stream and the breaks in their continuity counters. */
export function checkContinuity(stream: Uint8Array): Continuity {
  const last = new Map<number, number>();
  let errors = stream.length % PACKET === 0 ? 0 : 1;
  let packets = 0;
  for (let at = 0; at + PACKET <= stream.length; at += PACKET) {
    packets++;
    if (stream[at] !== 0x47) {
      errors++;
      continue;
    }
    const pid = ((stream[at + 1]! & 0x1f) << 8) | stream[at + 2]!;
    const flags = stream[at + 3]!;
    const hasPayload = (flags & 0x10) !== 0;
    if (pid === NULL_PID || !hasPayload) continue;
    const counter = flags & 0x0f;
    const before = last.get(pid);
    if (before !== undefined && counter !== ((before + 1) & 0x0f)) errors++;
    last.set(pid, counter);
  }
  return { packets, errors };
}
