// Status reports to the service manager: datagrams of `NAME=value` lines to the socket that NOTIFY_SOCKET
// names (sd_notify(3), systemd.service(5)). The C library sends them, since it can also reach abstract
// sockets and needs no write permission for the path.

/** Fields by name, such as `{ READY: "1", STATUS: "Serving" }`. */
export type NotifyFields = Readonly<Record<string, string>>;

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;
const CLOCK_MONOTONIC = 1;
/** Length of `sun_path` in `struct sockaddr_un` (unix(7)). */
const LONGEST_PATH = 108;
/**
 * Limit for one value in UTF-16 units: systemd ignores a whole datagram of more than 4,096 bytes
 * (PIPE_BUF), so the state in it would be lost.
 */
const LONGEST_VALUE = 1_000;

export class NotifySocket implements Disposable {
  readonly #libc: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #address: Uint8Array<ArrayBuffer>;
  readonly #socket: number;

  /**
   * @param path as in NOTIFY_SOCKET: a path, or `@` and an abstract name
   * @throws Error when it is neither, when FFI is not permitted, or when this is not Linux
   */
  constructor(path: string) {
    this.#address = encodeUnixAddress(path);
    if (Deno.build.os !== "linux") throw new Error("Cannot notify on systems other than Linux");
    this.#libc = Deno.dlopen("libc.so.6", SYMBOLS);
    this.#socket = this.#libc.symbols.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#socket >= 0) return;
    this.#libc.close();
    throw new Error("Cannot open a socket for notifications");
  }

  /** Sends one datagram, without waiting. @returns whether it was sent */
  send(fields: NotifyFields): boolean {
    const bytes = encodeFields(fields);
    const flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    const [to, { sendto }] = [this.#address, this.#libc.symbols];
    const sent = sendto(this.#socket, bytes, BigInt(bytes.length), flags, to, to.length);
    return Number(sent) === bytes.length;
  }

  /** CLOCK_MONOTONIC in microseconds, by which the service manager tells reloads apart. */
  monotonicMicroseconds(): bigint {
    const time = new BigInt64Array(2);
    this.#libc.symbols.clock_gettime(CLOCK_MONOTONIC, new Uint8Array(time.buffer));
    return time[0]! * 1_000_000n + time[1]! / 1_000n;
  }

  [Symbol.dispose](): void {
    this.#libc.symbols.close(this.#socket);
    this.#libc.close();
  }
}

/**
 * A `struct sockaddr_un` for a path, or, after `@`, for an abstract name.
 *
 * @throws Error when it is neither or does not fit
 */
export function encodeUnixAddress(path: string): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(path);
  if (!/^[/@]./.test(path) || name.length >= LONGEST_PATH) {
    throw new Error(`Cannot use as a socket for notifications: current value is ${path}`);
  }
  // A path ends with a NUL; an abstract name begins with one and ends with the address.
  const isPath = name[0] === 0x2f;
  const address = new Uint8Array(2 + name.length + (isPath ? 1 : 0));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  if (!isPath) address[2] = 0;
  return address;
}

/** Line breaks are removed from values: each would begin another field. */
function encodeFields(fields: NotifyFields): Uint8Array<ArrayBuffer> {
  const lines = Object.entries(fields).map(([name, value]) => {
    return `${name}=${shorten(value.replaceAll(/\s+/g, " "))}\n`;
  });
  return new TextEncoder().encode(lines.join(""));
}

function shorten(value: string): string {
  if (value.length <= LONGEST_VALUE) return value;
  // Do not cut a character in half.
  return `${value.slice(0, LONGEST_VALUE).replace(/[\ud800-\udbff]$/, "")}…`;
}
