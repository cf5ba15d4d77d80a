// Certificates of an authority of the test's own, for servers that encrypt.

import assert from "node:assert/strict";
import type { TempFolder } from "./temp_folder.ts";

async function openssl(folder: TempFolder, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [...args],
    cwd: folder.path,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/**
 * Makes an authority, `ca.pem`, and a certificate for this machine that it has signed, `redis.pem`.
 *
 * @returns the text of `ca.pem`
 */
export async function makeCertificates(folder: TempFolder): Promise<string> {
  const key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];
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

/** Has redis-server encrypt, with what `makeCertificates` has made. */
export function tlsArguments(folder: TempFolder, port: number): string[] {
  return [
    ...["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no"],
    ...["--tls-cert-file", folder.file("redis.pem"), "--tls-key-file", folder.file("redis.key")],
    ...["--tls-ca-cert-file", folder.file("ca.pem")],
  ];
}
