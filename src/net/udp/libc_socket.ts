// Opens UDP sockets through the C library and translates its errors. Moves no datagrams.

import { ProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import { bind } from "../bind.ts";
import * as c from "./libc.ts";
import { fromRawAddress, isIpv4, toRawAddress } from "./raw_address.ts";
import { readSockaddr, sockaddrLength, writeSockaddr } from "./sockaddr.ts";
import { RAW_ADDRESS } from "./port.ts";

/** Buffer to request for the front socket, in bytes: a burst waits there while this thread does not run. */
const FRONT_BUFFER = 8 << 20;
/** The same for the socket of one session. */
const LINK_BUFFER = 512 << 10;

export interface FrontSocket {
  readonly fd: number;
  /** AF_INET or AF_INET6; the latter takes IPv4 too. */
  readonly family: number;
  readonly address: Address;
  readonly buffers: { readonly receive: number; readonly send: number };
}

/** @throws ProxyError `internal` that says what could not be bound and why */
export function openFront(
  libc: c.Libc,
  listen: { readonly host?: string; readonly port: number },
  reusePort: boolean,
): FrontSocket {
  return bind("UDP", listen, ({ hostname, port }) => {
    const raw = toRawAddress({ host: hostname, port });
    const family = isIpv4(raw) ? c.AF_INET : c.AF_INET6;
    const fd = openSocket(libc, family);
    try {
      if (family === c.AF_INET6) setOption(libc, fd, [c.IPPROTO_IPV6, c.IPV6_V6ONLY, 0]);
      if (reusePort) setOption(libc, fd, [c.SOL_SOCKET, c.SO_REUSEPORT, 1]);
      setOption(libc, fd, [c.SOL_SOCKET, c.SO_RXQ_OVFL, 1]);
      const buffers = sizeBuffers(libc, fd, FRONT_BUFFER);
      const name = toSockaddr(raw, family);
      if (libc.bind(fd, name, name.length) !== 0) throw bindError(c.errnoOf(libc));
      return { fd, family, address: localAddress(libc, fd, family), buffers };
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  });
}

/** A bound socket that another thread has opened. */
export function adoptFront(libc: c.Libc, fd: number): FrontSocket {
  const name = new Uint8Array(c.SOCKADDR_SIZE);
  libc.getsockname(fd, name, bytesOf(c.SOCKADDR_SIZE));
  const family = name[0]!;
  const raw = new Uint8Array(RAW_ADDRESS);
  readSockaddr(name, 0, raw);
  const buffers = {
    receive: readOption(libc, fd, c.SO_RCVBUF) >> 1,
    send: readOption(libc, fd, c.SO_SNDBUF) >> 1,
  };
  return { fd, family, address: fromRawAddress(raw), buffers };
}

/**
 * A socket connected to one address.
 *
 * @throws ProxyError `overloaded` without a descriptor, `origin_unreachable` without a route
 */
export function openConnected(libc: c.Libc, origin: Address): number {
  const raw = toRawAddress(origin);
  const family = isIpv4(raw) ? c.AF_INET : c.AF_INET6;
  const fd = openSocket(libc, family);
  sizeBuffers(libc, fd, LINK_BUFFER);
  const name = toSockaddr(raw, family);
  if (libc.connect(fd, name, name.length) === 0) return fd;
  const error = callError("connect", c.errnoOf(libc));
  libc.close(fd);
  throw error;
}

/** The pending error of a socket, which is cleared; 0 = none. */
export function takeError(libc: c.Libc, fd: number): number {
  return readOption(libc, fd, c.SO_ERROR);
}

/** The error for whoever asked for a socket. */
function callError(call: string, errno: number): ProxyError {
  const cause = new Error(`${call} failed: error ${errno}`);
  const isShort = [c.EMFILE, c.ENFILE, c.ENOBUFS, c.ENOMEM, c.EAGAIN].includes(errno);
  return isShort
    ? new ProxyError("overloaded", "Cannot open another socket now", { cause })
    : new ProxyError("origin_unreachable", "Cannot reach the origin", { cause });
}

function openSocket(libc: c.Libc, family: number): number {
  const fd = libc.socket(family, c.SOCK_DGRAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0);
  if (fd < 0) throw callError("socket", c.errnoOf(libc));
  return fd;
}

function bindError(errno: number): Error {
  if (errno === c.EADDRINUSE) return new Deno.errors.AddrInUse("Address already in use");
  return new Error(`bind failed: error ${errno}`);
}

function toSockaddr(raw: Uint8Array, family: number): Uint8Array<ArrayBuffer> {
  const name = new Uint8Array(sockaddrLength(family));
  writeSockaddr(raw, family, name, 0);
  return name;
}

function localAddress(libc: c.Libc, fd: number, family: number): Address {
  const name = new Uint8Array(c.SOCKADDR_SIZE);
  libc.getsockname(fd, name, bytesOf(sockaddrLength(family)));
  const raw = new Uint8Array(RAW_ADDRESS);
  readSockaddr(name, 0, raw);
  return fromRawAddress(raw);
}

/** Requests buffers of `wanted` bytes, beyond the system's limit where permitted. */
function sizeBuffers(libc: c.Libc, fd: number, wanted: number) {
  const ask = (force: number, plain: number) => {
    if (!setOption(libc, fd, [c.SOL_SOCKET, force, wanted])) {
      setOption(libc, fd, [c.SOL_SOCKET, plain, wanted]);
    }
    // The kernel doubles the requested size for its own bookkeeping.
    return readOption(libc, fd, plain) >> 1;
  };
  return {
    receive: ask(c.SO_RCVBUFFORCE, c.SO_RCVBUF),
    send: ask(c.SO_SNDBUFFORCE, c.SO_SNDBUF),
  };
}

function setOption(
  libc: c.Libc,
  fd: number,
  [level, name, value]: readonly [number, number, number],
): boolean {
  return libc.setsockopt(fd, level, name, bytesOf(value), 4) === 0;
}

function readOption(libc: c.Libc, fd: number, name: number): number {
  const value = new Int32Array(1);
  libc.getsockopt(fd, c.SOL_SOCKET, name, new Uint8Array(value.buffer), bytesOf(4));
  return value[0]!;
}

function bytesOf(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Int32Array([value]).buffer);
}
