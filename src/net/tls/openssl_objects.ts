// The OpenSSL objects of one thread, connections and contexts, recorded in memory that another thread can see:
// nothing frees them when a thread ends. See `DescriptorSet`.

import type { OpenSsl } from "./openssl.ts";

/** Further objects are not recorded. */
const MOST = 1 << 17;
/** Set in a pointer, which is otherwise even, to a context. */
const CONTEXT = 1n;

/** Objects of one thread, which adds and removes them; others may read them once it has ended. */
export class OpenSslObjects {
  readonly #slots: BigUint64Array;
  /** For the thread itself: each object's slot, and the free slots below those never used. */
  readonly #places = new Map<bigint, number>();
  readonly #free: number[] = [];
  #used = 0;

  /** @param memory of `OpenSslObjects.memory` */
  constructor(memory: SharedArrayBuffer) {
    this.#slots = new BigUint64Array(memory);
  }

  /** Memory for the objects of a thread; the system allocates only what is used of it. */
  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(MOST * BigUint64Array.BYTES_PER_ELEMENT);
  }

  /** The same calls, recording what they create until they free it. */
  watch(ssl: OpenSsl): OpenSsl {
    return {
      ...ssl,
      SSL_new: (...args) => this.#add(ssl.SSL_new(...args), 0n),
      SSL_CTX_new: (...args) => this.#add(ssl.SSL_CTX_new(...args), CONTEXT),
      SSL_free: (session) => {
        this.#remove(session);
        ssl.SSL_free(session);
      },
      SSL_CTX_free: (context) => {
        this.#remove(context);
        ssl.SSL_CTX_free(context);
      },
    };
  }

  /** Whether no object is left. */
  get isEmpty(): boolean {
    return this.#slots.every((slot) => slot === 0n);
  }

  /** Frees what the thread has left; it must have ended. @param most objects freed before it yields */
  *freeAll(ssl: OpenSsl, most: number): Generator<void> {
    let count = 0;
    for (let slot = 0; slot < MOST; slot++) {
      const value = Atomics.exchange(this.#slots, slot, 0n);
      if (value === 0n) continue;
      const pointer = Deno.UnsafePointer.create(value & ~CONTEXT);
      if (value & CONTEXT) ssl.SSL_CTX_free(pointer);
      else ssl.SSL_free(pointer);
      if (++count % most === 0) yield;
    }
  }

  #add(pointer: Deno.PointerValue, kind: bigint): Deno.PointerValue {
    if (pointer === null) return null;
    const slot = this.#free.pop() ?? this.#used;
    if (slot === MOST) return pointer;
    if (slot === this.#used) this.#used++;
    const value = Deno.UnsafePointer.value(pointer);
    this.#places.set(value, slot);
    Atomics.store(this.#slots, slot, value | kind);
    return pointer;
  }

  /** Called before the object is freed: afterwards its address may belong to another one. */
  #remove(pointer: Deno.PointerValue): void {
    const value = Deno.UnsafePointer.value(pointer);
    const slot = this.#places.get(value);
    if (slot === undefined) return;
    this.#places.delete(value);
    this.#free.push(slot);
    Atomics.store(this.#slots, slot, 0n);
  }
}
