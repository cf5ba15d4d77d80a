// The calls and constants of OpenSSL 3 used for TLS (ssl(7ossl)). Every call returns at once. Knows no
// socket except by its descriptor.

import { ProxyError } from "../../core/errors.ts";

const CRYPTO = {
  OPENSSL_init_crypto: { parameters: ["u64", "pointer"], result: "i32" },
  BIO_new_mem_buf: { parameters: ["buffer", "i32"], result: "pointer" },
  BIO_new: { parameters: ["pointer"], result: "pointer" },
  BIO_s_mem: { parameters: [], result: "pointer" },
  BIO_new_socket: { parameters: ["i32", "i32"], result: "pointer" },
  BIO_ctrl: { parameters: ["pointer", "i32", "isize", "pointer"], result: "isize" },
  BIO_ctrl_pending: { parameters: ["pointer"], result: "usize" },
  BIO_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  BIO_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  BIO_free: { parameters: ["pointer"], result: "i32" },
  BIO_up_ref: { parameters: ["pointer"], result: "i32" },
  PEM_read_bio_X509: {
    parameters: ["pointer", "pointer", "pointer", "pointer"],
    result: "pointer",
  },
  PEM_read_bio_PrivateKey: {
    parameters: ["pointer", "pointer", "pointer", "pointer"],
    result: "pointer",
  },
  X509_STORE_add_cert: { parameters: ["pointer", "pointer"], result: "i32" },
  X509_check_host: {
    parameters: ["pointer", "buffer", "usize", "u32", "pointer"],
    result: "i32",
  },
  X509_VERIFY_PARAM_set_hostflags: { parameters: ["pointer", "u32"], result: "void" },
  X509_VERIFY_PARAM_set1_host: { parameters: ["pointer", "buffer", "usize"], result: "i32" },
  X509_VERIFY_PARAM_set1_ip_asc: { parameters: ["pointer", "buffer"], result: "i32" },
  X509_verify_cert_error_string: { parameters: ["isize"], result: "pointer" },
  X509_free: { parameters: ["pointer"], result: "void" },
  EVP_PKEY_free: { parameters: ["pointer"], result: "void" },
  EVP_aes_256_cbc: { parameters: [], result: "pointer" },
  EVP_EncryptInit_ex: {
    parameters: ["pointer", "pointer", "pointer", "buffer", "pointer"],
    result: "i32",
  },
  EVP_DecryptInit_ex: {
    parameters: ["pointer", "pointer", "pointer", "buffer", "pointer"],
    result: "i32",
  },
  EVP_MAC_init: { parameters: ["pointer", "buffer", "usize", "buffer"], result: "i32" },
  RAND_bytes: { parameters: ["pointer", "i32"], result: "i32" },
  ERR_get_error: { parameters: [], result: "u64" },
  ERR_reason_error_string: { parameters: ["u64"], result: "pointer" },
  ERR_clear_error: { parameters: [], result: "void" },
  OpenSSL_version_num: { parameters: [], result: "u64" },
} as const;

const SSL = {
  TLS_client_method: { parameters: [], result: "pointer" },
  TLS_server_method: { parameters: [], result: "pointer" },
  SSL_CTX_new: { parameters: ["pointer"], result: "pointer" },
  SSL_CTX_free: { parameters: ["pointer"], result: "void" },
  SSL_CTX_ctrl: { parameters: ["pointer", "i32", "isize", "pointer"], result: "isize" },
  SSL_CTX_callback_ctrl: { parameters: ["pointer", "i32", "function"], result: "isize" },
  SSL_CTX_set_options: { parameters: ["pointer", "u64"], result: "u64" },
  SSL_CTX_set_timeout: { parameters: ["pointer", "isize"], result: "isize" },
  SSL_CTX_set_tlsext_ticket_key_evp_cb: { parameters: ["pointer", "function"], result: "i32" },
  SSL_CTX_set_num_tickets: { parameters: ["pointer", "usize"], result: "i32" },
  SSL_set_num_tickets: { parameters: ["pointer", "usize"], result: "i32" },
  SSL_CTX_set_cipher_list: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_CTX_set_session_id_context: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
  SSL_CTX_use_certificate: { parameters: ["pointer", "pointer"], result: "i32" },
  SSL_CTX_use_PrivateKey: { parameters: ["pointer", "pointer"], result: "i32" },
  SSL_CTX_get0_certificate: { parameters: ["pointer"], result: "pointer" },
  SSL_CTX_check_private_key: { parameters: ["pointer"], result: "i32" },
  SSL_CTX_get_cert_store: { parameters: ["pointer"], result: "pointer" },
  SSL_CTX_set_default_verify_paths: { parameters: ["pointer"], result: "i32" },
  SSL_CTX_set_verify: { parameters: ["pointer", "i32", "pointer"], result: "void" },
  SSL_new: { parameters: ["pointer"], result: "pointer" },
  SSL_free: { parameters: ["pointer"], result: "void" },
  SSL_set_connect_state: { parameters: ["pointer"], result: "void" },
  SSL_get0_param: { parameters: ["pointer"], result: "pointer" },
  SSL_ctrl: { parameters: ["pointer", "i32", "isize", "buffer"], result: "isize" },
  SSL_get_verify_result: { parameters: ["pointer"], result: "isize" },
  SSL_set_accept_state: { parameters: ["pointer"], result: "void" },
  SSL_set0_rbio: { parameters: ["pointer", "pointer"], result: "void" },
  SSL_set0_wbio: { parameters: ["pointer", "pointer"], result: "void" },
  SSL_get_rbio: { parameters: ["pointer"], result: "pointer" },
  SSL_set_SSL_CTX: { parameters: ["pointer", "pointer"], result: "pointer" },
  SSL_get_servername: { parameters: ["pointer", "i32"], result: "pointer" },
  SSL_do_handshake: { parameters: ["pointer"], result: "i32" },
  SSL_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_shutdown: { parameters: ["pointer"], result: "i32" },
  SSL_get1_peer_certificate: { parameters: ["pointer"], result: "pointer" },
  SSL_get_error: { parameters: ["pointer", "i32"], result: "i32" },
} as const;

/** The calls, as `Deno.dlopen` makes them. */
export type OpenSsl =
  & Deno.DynamicLibrary<typeof CRYPTO>["symbols"]
  & Deno.DynamicLibrary<typeof SSL>["symbols"];

/** OpenSSL, open as long as somebody uses it. */
export interface OpenSslLibrary {
  readonly symbols: OpenSsl;
  close(): void;
}

/** Records what calls create and free. */
interface OpenSslWatcher {
  /** @returns the same calls, recorded */
  watch(ssl: OpenSsl): OpenSsl;
}

/**
 * @param objects records what these calls create, if the thread may end without freeing it
 * @throws ProxyError `internal` when version 3 is missing or FFI is not permitted
 */
export function openLibrary(objects?: OpenSslWatcher): OpenSslLibrary {
  try {
    const library = openBoth();
    return objects === undefined
      ? library
      : { symbols: objects.watch(library.symbols), close: library.close };
  } catch (cause) {
    throw new ProxyError("internal", "Cannot speak TLS without OpenSSL 3 (libssl.so.3)", { cause });
  }
}

function openBoth(): OpenSslLibrary {
  const crypto = Deno.dlopen("libcrypto.so.3", CRYPTO);
  // Otherwise the end of the process frees what threads that are ending free at the same time.
  crypto.symbols.OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, null);
  try {
    const ssl = Deno.dlopen("libssl.so.3", SSL);
    return {
      symbols: { ...crypto.symbols, ...ssl.symbols },
      close() {
        ssl.close();
        crypto.close();
      },
    };
  } catch (error) {
    crypto.close();
    throw error;
  }
}

/** Registers nothing to be done when the process ends (OPENSSL_init_crypto(3ossl)). */
const OPENSSL_INIT_NO_ATEXIT = 0x80000n;
export const X509_V_OK = 0;
export const X509_CHECK_FLAG_NO_WILDCARDS = 2;
/** No "f*.example.com", and no host name taken from the certificate's subject (RFC 9525). */
export const X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS = 4;
export const X509_CHECK_FLAG_NEVER_CHECK_SUBJECT = 32;
export const SSL_VERIFY_PEER = 1;
export const SSL_ERROR_WANT_READ = 2;
export const SSL_ERROR_WANT_WRITE = 3;
export const SSL_ERROR_ZERO_RETURN = 6;

export const BIO_NOCLOSE = 0;
/** Sets what a memory BIO returns when it is empty (BIO_s_mem(3ossl)). */
export const BIO_C_SET_BUF_MEM_EOF_RETURN = 130;

export const SSL_CTRL_MODE = 33;
export const SSL_CTRL_CLEAR_MODE = 78;
export const SSL_CTRL_SET_SESS_CACHE_MODE = 44;
export const SSL_SESS_CACHE_OFF = 0;
export const SSL_CTRL_SET_READ_AHEAD = 41;
export const SSL_CTRL_SET_TLSEXT_SERVERNAME_CB = 53;
export const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55;
export const SSL_CTRL_CHAIN_CERT = 89;
export const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
/** Writes return as soon as a record is written; a retried write may pass the bytes at another address. */
export const SSL_MODE_ENABLE_PARTIAL_WRITE = 1;
export const SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 2;
/** Reads continue past records without application data, however many there are. */
export const SSL_MODE_AUTO_RETRY = 4;
/** Idle connections hold no buffers. */
export const SSL_MODE_RELEASE_BUFFERS = 16;
export const TLS1_2_VERSION = 0x0303;
export const SSL_OP_NO_RENEGOTIATION = 1n << 30n;
export const SSL_OP_NO_TICKET = 1n << 14n;
export const SSL_OP_CIPHER_SERVER_PREFERENCE = 1n << 22n;
export const SSL_OP_IGNORE_UNEXPECTED_EOF = 1n << 7n;
export const SSL_OP_NO_COMPRESSION = 1n << 17n;
export const SSL_TLSEXT_ERR_OK = 0;
export const SSL_TLSEXT_ERR_NOACK = 3;
export const TLSEXT_NAMETYPE_HOST_NAME = 0;
export const OSSL_PARAM_UTF8_STRING = 4;
