// Certificates signed by the tests' own authority, for TLS servers.

import assert from "node:assert/strict";
import type { TlsPair } from "../../src/net/tls/tls_keys.ts";
import { TempFolder } from "./temp_folder.ts";

/** Arguments for a new key; one for RSA takes much longer to make. */
const EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

async function openssl(folder: TempFolder, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [...args],
    cwd: folder.path,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/**
 * Creates an authority, `ca.pem`, and a certificate for this machine signed by it, `redis.pem`.
 *
 * @returns the text of `ca.pem`
 */
export async function makeCertificates(folder: TempFolder): Promise<string> {
  const key = [...EC_KEY, "-days", "2"];
  await openssl(
    folder,
    ...["req", "-x509", ...key, "-subj", "/CN=test authority"],
    ...["-keyout", "ca.key", "-out", "ca.pem"],
  );
  await openssl(
    folder,
    ...["req", "-x509", ...key, "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "redis.key", "-out", "redis.pem"],
  );
  return await Deno.readTextFile(folder.file("ca.pem"));
}

/** A certificate, its key and its authority; all in PEM. */
export interface SignedPair extends TlsPair {
  readonly authority: string;
}

export interface PairOptions {
  /** Host names and IP addresses that it is for; this machine's unless given. */
  readonly names?: readonly string[];
  /** How many days it is valid; two unless given; negative = already expired. */
  readonly days?: number;
}

/** Creates certificates signed by one authority. */
export class Authority implements AsyncDisposable {
  readonly folder = new TempFolder();
  #count = 0;

  static async open(): Promise<Authority> {
    const authority = new Authority();
    await makeCertificates(authority.folder);
    return authority;
  }

  /** The file of the authority's own certificate. */
  get file(): string {
    return this.folder.file("ca.pem");
  }

  /** Creates a pair in the files `pair1.pem`, `pair1.key` and so on. */
  async pair(
    { names = ["localhost", "127.0.0.1"], days = 2 }: PairOptions = {},
  ): Promise<SignedPair> {
    const name = `pair${++this.#count}`;
    const isIp = (text: string) => /^[\d.]+$|:/.test(text);
    const alternatives = names.map((text) => `${isIp(text) ? "IP" : "DNS"}:${text}`);
    const extensions = this.folder.file(`${name}.ext`);
    await Deno.writeTextFile(
      extensions,
      `subjectAltName=${alternatives.join(",")}\nbasicConstraints=critical,CA:FALSE\n`,
    );
    await openssl(
      this.folder,
      ...["req", ...EC_KEY, "-subj", `/CN=${names[0]}`],
      ...["-keyout", `${name}.key`, "-out", `${name}.csr`],
    );
    await openssl(
      this.folder,
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key"],
      ...["-CAcreateserial", "-extfile", extensions, "-out", `${name}.pem`, "-days", String(days)],
    );
    return {
      certificate: await Deno.readTextFile(this.folder.file(`${name}.pem`)),
      key: await Deno.readTextFile(this.folder.file(`${name}.key`)),
      authority: await Deno.readTextFile(this.file),
    };
  }

  /** A certificate with a key that is too short by today's standards. */
  async weak(): Promise<string> {
    const request = ["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak"];
    await openssl(this.folder, ...request, "-keyout", "weak.key", "-out", "weak.pem");
    return await Deno.readTextFile(this.folder.file("weak.pem"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}

/** Arguments that make redis-server use TLS with the files from `makeCertificates`. */
export function tlsArguments(folder: TempFolder, port: number): string[] {
  return [
    ...["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no"],
    ...["--tls-cert-file", folder.file("redis.pem"), "--tls-key-file", folder.file("redis.key")],
    ...["--tls-ca-cert-file", folder.file("ca.pem")],
  ];
}
