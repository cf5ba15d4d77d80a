// Heads of origins' responses, valid ones and ones that must be refused, one character per byte.

import type { HttpResponse } from "../../../src/protocol/http/response.ts";

const OK = "HTTP/1.1 200 OK\r\n";

/** Responses to a method and what they parse to; what a case does not name is not checked. */
export const GOOD_RESPONSES: Readonly<
  Record<string, readonly [method: string, head: string, expected: Partial<HttpResponse>]>
> = {
  "a live stream": ["GET", `${OK}Transfer-Encoding: chunked\r\n\r\n`, {
    status: 200,
    reason: "OK",
    bodyLength: "chunked",
    reusable: true,
  }],
  "a counted one": ["GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", {
    status: 404,
    reason: "Not Found",
    bodyLength: 9,
    reusable: true,
  }],
  "one that ends with the connection": ["GET", `${OK}\r\n`, {
    bodyLength: "until_close",
    reusable: false,
  }],
  "a last one": ["GET", `${OK}Content-Length: 1\r\nConnection: Close\r\n\r\n`, {
    bodyLength: 1,
    reusable: false,
  }],
  "one of HTTP/1.0": ["GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", {
    bodyLength: 1,
    reusable: false,
  }],
  "one of HTTP/1.0 with keep-alive": [
    "GET",
    "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n",
    { reusable: true },
  ],
  "one of HTTP/1.0 that keeps and closes the connection": [
    "GET",
    "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
    { reusable: false },
  ],
  "no reason": ["GET", "HTTP/1.1 200\r\n\r\n", { status: 200, reason: "" }],
  "an empty reason": ["GET", "HTTP/1.1 200 \r\n\r\n", { reason: "" }],
  "a reason in any encoding": ["GET", "HTTP/1.1 200 \tO K\x86\xe4\r\n\r\n", {
    reason: "\tO K\x86\xe4",
  }],
  "one to HEAD": ["HEAD", `${OK}Content-Length: 99\r\n\r\n`, { bodyLength: 0, reusable: true }],
  "one to HEAD that would be chunked": ["HEAD", `${OK}Transfer-Encoding: chunked\r\n\r\n`, {
    bodyLength: 0,
    reusable: true,
  }],
  "one to HEAD without a length": ["HEAD", `${OK}\r\n`, { bodyLength: 0, reusable: true }],
  "204": ["GET", "HTTP/1.1 204 No Content\r\n\r\n", { bodyLength: 0, reusable: true }],
  "304": ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", {
    bodyLength: 0,
    reusable: true,
  }],
  "an interim one": ["GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", { bodyLength: 0 }],
};

/** Heads that must be refused, by what is wrong with them. */
export const REFUSED_RESPONSES: Readonly<Record<string, string>> = {
  "nothing": "\r\n\r\n",
  "a page": "<html></html>\r\n\r\n",
  "an old radio": "ICY 200 OK\r\n\r\n",
  "a request": "GET / HTTP/1.1\r\nHost: tv.example\r\n\r\n",
  "HTTP/2": "HTTP/2 200 OK\r\n\r\n",
  "HTTP/1.2": "HTTP/1.2 200 OK\r\n\r\n",
  "a protocol in lower case": "http/1.1 200 OK\r\n\r\n",
  "a status of two digits": "HTTP/1.1 20 OK\r\n\r\n",
  "a status of four digits": "HTTP/1.1 2000 OK\r\n\r\n",
  "a status below 100": "HTTP/1.1 099 OK\r\n\r\n",
  "a status over 599": "HTTP/1.1 600 OK\r\n\r\n",
  "a status with a sign": "HTTP/1.1 +20 OK\r\n\r\n",
  "two spaces": "HTTP/1.1  200 OK\r\n\r\n",
  "a tab": "HTTP/1.1\t200\tOK\r\n\r\n",
  "another protocol from here on": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
  "bare LF": `${OK}Content-Length: 1\n\r\n`,
  "bare CR": `${OK}X: y\rContent-Length: 1\r\n\r\n`,
  "bare CR in the reason": "HTTP/1.1 200 O\rK\r\n\r\n",
  "NUL": `${OK}X: \0\r\n\r\n`,
  "a folded line": `${OK}X: y\r\n z\r\n\r\n`,
  "white space before a colon": `${OK}Content-Length : 1\r\n\r\n`,
  "101 fields": `${OK}${"a: b\r\n".repeat(101)}\r\n`,
  "a length and an encoding": `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
  "two lengths": `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
  "a list of lengths": `${OK}Content-Length: 1, 1\r\n\r\n`,
  "a negative length": `${OK}Content-Length: -1\r\n\r\n`,
  "another encoding": `${OK}Transfer-Encoding: gzip\r\n\r\n`,
  "an encoding before chunked": `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`,
  "an empty encoding": `${OK}Transfer-Encoding:\r\n\r\n`,
  "an encoding over HTTP/1.0": "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
  "an invalid length without a body": "HTTP/1.1 304 Not Modified\r\nContent-Length: 1, 2\r\n\r\n",
};
