// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short messages that costs less than sending a
// datagram and cannot be guessed without the key. Half of its 64 bits are returned.

/** Indices of the state's words, low half first. */
const [V0, V1, V2, V3] = [0, 2, 4, 6];
const KEY = 16;
const BLOCK = 8;

/** Hashes with one key; not reentrant. */
export class SipHash {
  readonly #start = new Int32Array(8);
  readonly #state = new Int32Array(8);

  /** @param key 16 bytes */
  constructor(key: Uint8Array) {
    if (key.length !== KEY) {
      throw new RangeError(`Cannot use a key: current value is ${key.length} bytes`);
    }
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    // "somepseudorandomlygeneratedbytes" in words, as the authors chose them.
    const constants = [0x736f6d65, 0x70736575, 0x646f7261, 0x6e646f6d];
    constants.push(0x6c796765, 0x6e657261, 0x74656462, 0x79746573);
    for (let half = 0; half < 8; half++) {
      // The constants are written high half first.
      this.#start[half] = constants[half ^ 1]! ^ view.getInt32((half % 4) * 4, true);
    }
  }

  /** The low 32 bits of the hash, as a signed number. */
  hash(message: Uint8Array): number {
    const state = this.#state;
    state.set(this.#start);
    const { length } = message;
    const whole = length - length % BLOCK;
    for (let at = 0; at < whole; at += BLOCK) {
      this.#take(wordAt(message, at, 4), wordAt(message, at + 4, 4));
    }
    const left = length - whole;
    const high = wordAt(message, whole + 4, Math.max(left - 4, 0));
    this.#take(wordAt(message, whole, Math.min(left, 4)), high | (length << 24));
    state[V2]! ^= 0xff;
    for (let round = 0; round < 4; round++) mix(state);
    return state[V0]! ^ state[V1]! ^ state[V2]! ^ state[V3]!;
  }

  #take(low: number, high: number): void {
    const state = this.#state;
    state[V3]! ^= low;
    state[V3 + 1]! ^= high;
    mix(state);
    mix(state);
    state[V0]! ^= low;
    state[V0 + 1]! ^= high;
  }
}

/** `count` bytes, little-endian. */
function wordAt(bytes: Uint8Array, at: number, count: number): number {
  let word = 0;
  for (let byte = 0; byte < count; byte++) word |= bytes[at + byte]! << (8 * byte);
  return word;
}

function mix(state: Int32Array): void {
  add(state, V0, V1);
  turn(state, V1, 13);
  xor(state, V1, V0);
  swap(state, V0);
  add(state, V2, V3);
  turn(state, V3, 16);
  xor(state, V3, V2);
  add(state, V0, V3);
  turn(state, V3, 21);
  xor(state, V3, V0);
  add(state, V2, V1);
  turn(state, V1, 17);
  xor(state, V1, V2);
  swap(state, V2);
}

function add(state: Int32Array, to: number, from: number): void {
  const low = (state[to]! + state[from]!) | 0;
  const carry = (low >>> 0) < (state[from]! >>> 0) ? 1 : 0;
  state[to] = low;
  state[to + 1] = state[to + 1]! + state[from + 1]! + carry;
}

function xor(state: Int32Array, to: number, from: number): void {
  state[to]! ^= state[from]!;
  state[to + 1]! ^= state[from + 1]!;
}

/** Rotates left by less than 32 bits. */
function turn(state: Int32Array, at: number, bits: number): void {
  const [low, high] = [state[at]!, state[at + 1]!];
  state[at] = (low << bits) | (high >>> (32 - bits));
  state[at + 1] = (high << bits) | (low >>> (32 - bits));
}

/** Rotates by 32 bits. */
function swap(state: Int32Array, at: number): void {
  const low = state[at]!;
  state[at] = state[at + 1]!;
  state[at + 1] = low;
}
