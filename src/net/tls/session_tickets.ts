// The keys of session tickets (RFC 5077; RFC 8446 section 4.6.1). By itself OpenSSL has one key for each
// context; here keys are replaced while tickets of the previous one are still accepted.

import * as o from "./openssl.ts";
import { cString } from "./tls_context.ts";

/** Milliseconds for which a ticket is valid, and for which a key is used for new tickets. */
export const TICKET_LIFE = 3_600_000;

const NAME_SIZE = 16;
const KEY_SIZE = 32;
const IV_SIZE = 16;
/** Size of an `OSSL_PARAM`. */
const PARAMETER_SIZE = 40;
const CALLBACK = {
  parameters: ["pointer", "pointer", "pointer", "pointer", "pointer", "i32"],
  result: "i32",
} as const;
/** Return values of the callback (SSL_CTX_set_tlsext_ticket_key_evp_cb(3ossl)). */
const FAILED = -1;
const UNKNOWN = 0;
const KNOWN = 1;
const KNOWN_BUT_OLD = 2;

type Pointer = Deno.PointerValue;
type Key = Uint8Array<ArrayBuffer>;

/** @returns a key for tickets: its name, a signing key and an encryption key */
export function newTicketKey(): Key {
  return crypto.getRandomValues(new Uint8Array(NAME_SIZE + 2 * KEY_SIZE));
}

/** The ticket keys of one thread's contexts. */
export class SessionTickets implements Disposable {
  /** At least one; the first is used for new tickets, all of them for returning ones. */
  keys: readonly Key[];
  readonly #ssl: o.OpenSsl;
  readonly #digest = digestParameter();
  readonly #callback: Deno.UnsafeCallback<typeof CALLBACK>;

  constructor(ssl: o.OpenSsl, keys: readonly Key[]) {
    this.#ssl = ssl;
    this.keys = keys;
    this.#callback = new Deno.UnsafeCallback(
      CALLBACK,
      (_session, name, iv, cipher, mac, isNew) =>
        isNew === 1 ? this.#encrypt(name, iv, cipher, mac) : this.#decrypt(name, iv, cipher, mac),
    );
  }

  /** To be called once for each context. No handshake may be in progress when this is disposed of. */
  use(context: Deno.PointerObject): void {
    this.#ssl.SSL_CTX_set_timeout(context, BigInt(TICKET_LIFE / 1_000));
    this.#ssl.SSL_CTX_set_tlsext_ticket_key_evp_cb(context, this.#callback.pointer);
  }

  [Symbol.dispose](): void {
    this.#callback.close();
  }

  #encrypt(name: Pointer, iv: Pointer, cipher: Pointer, mac: Pointer): number {
    const ssl = this.#ssl;
    const key = this.keys[0]!;
    bytesAt(name, NAME_SIZE).set(key.subarray(0, NAME_SIZE));
    const isReady = ssl.RAND_bytes(iv, IV_SIZE) === 1 && this.#sign(mac, key) &&
      ssl.EVP_EncryptInit_ex(cipher, ssl.EVP_aes_256_cbc(), null, secretOf(key), iv) === 1;
    return isReady ? KNOWN : FAILED;
  }

  #decrypt(name: Pointer, iv: Pointer, cipher: Pointer, mac: Pointer): number {
    const ssl = this.#ssl;
    const asked = bytesAt(name, NAME_SIZE);
    const at = this.keys.findIndex((key) => asked.every((byte, index) => byte === key[index]));
    if (at < 0) return UNKNOWN;
    const key = this.keys[at]!;
    const isReady = this.#sign(mac, key) &&
      ssl.EVP_DecryptInit_ex(cipher, ssl.EVP_aes_256_cbc(), null, secretOf(key), iv) === 1;
    if (!isReady) return FAILED;
    return at === 0 ? KNOWN : KNOWN_BUT_OLD;
  }

  #sign(mac: Pointer, key: Key): boolean {
    const secret = key.subarray(NAME_SIZE, NAME_SIZE + KEY_SIZE);
    return this.#ssl.EVP_MAC_init(mac, secret, BigInt(KEY_SIZE), this.#digest.parameters) === 1;
  }
}

function secretOf(key: Key): Key {
  return key.subarray(NAME_SIZE + KEY_SIZE);
}

function bytesAt(pointer: Pointer, length: number): Uint8Array {
  return new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer!, length));
}

/** Parameters that select HMAC-SHA-256: one `OSSL_PARAM` and the end mark. They point to the two texts. */
function digestParameter() {
  const [name, value] = [cString("digest"), cString("SHA256")];
  const parameters = new Uint8Array(2 * PARAMETER_SIZE);
  const view = new DataView(parameters.buffer);
  const address = (text: Uint8Array<ArrayBuffer>) =>
    BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(text)));
  view.setBigUint64(0, address(name), true);
  view.setUint32(8, o.OSSL_PARAM_UTF8_STRING, true);
  view.setBigUint64(16, address(value), true);
  view.setBigUint64(24, BigInt(value.length - 1), true);
  return { parameters, name, value };
}
