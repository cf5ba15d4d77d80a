// Builds the OpenAPI documents of both APIs (OpenAPI Specification 3.1.1). Their contents are in
// system_document.ts and http_document.ts; a test checks that they match the handlers.

/** Any JSON object. */
export type Schema = Readonly<Record<string, unknown>>;

export interface Operation {
  readonly summary: string;
  /** Names in the query, with their meanings. */
  readonly query?: Readonly<Record<string, string>>;
  /** Names in the path, which are written `{name}` there. */
  readonly path?: Readonly<Record<string, string>>;
  readonly body?: Schema;
  /** Schema of the successful answer; by default an object with `code` 0. */
  readonly answer?: Schema;
  /** Status of that answer; 200 by default. */
  readonly status?: number;
  /** Media type of that answer; JSON by default. */
  readonly type?: string;
  /** Error statuses, besides those that the authorization adds. */
  readonly failures?: readonly (keyof typeof FAILURES)[];
  /** Whether anybody may ask. */
  readonly isPublic?: boolean;
  /** Whether an origin's answer is passed on, whatever it is. */
  readonly isPassed?: boolean;
}

/** Operations by path and by method, in lower case. */
export type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

export interface DocumentOptions {
  readonly title: string;
  readonly description: string;
  readonly version: string;
  readonly paths: Paths;
  readonly schemas: Readonly<Record<string, Schema>>;
}

/** What each error status means. */
const FAILURES = {
  400: "The request is invalid",
  401: "The token is missing or wrong",
  403: "Not allowed from there: another machine without a token, or a page of another web site",
  404: "Not found",
  408: "The body did not arrive in time",
  409: "It is ambiguous which one is meant",
  413: "The body is too long",
  415: "The body has the wrong type",
  429: "Too many wrong tokens",
  502: "The origin's answer is unusable",
  503: "Not now: overloaded, draining, or the registry or every origin is unreachable",
  504: "The origin does not answer",
  508: "The request has come back to the proxy (a loop)",
} as const;
/** Error statuses of operations that need authorization. */
const OF_GUARD = [401, 403, 429] as const;

export const TEXT: Schema = { type: "string" };
export const COUNT: Schema = { type: "integer", minimum: 0 };
/** SRS identifies itself in every answer, and so does the proxy. */
export const OWN = { server: TEXT, service: TEXT, pid: TEXT };
/** The version that runs, without `code`. */
export const VERSIONS = {
  ...OWN,
  ...{ signature: TEXT, version: TEXT },
  data: object({ ...{ major: COUNT, minor: COUNT, revision: COUNT }, version: TEXT }),
};
/** A document like this one. */
export const DOCUMENT: Schema = {
  ...object({ openapi: TEXT, info: { type: "object" }, paths: { type: "object" } }),
  additionalProperties: true,
};
const ERROR = { $ref: "#/components/schemas/Error" };

/** An object with these properties, all of them required except the optional ones. */
export function object(
  properties: Readonly<Record<string, Schema>>,
  optional: readonly string[] = [],
): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required };
}

/** A successful answer with these properties. */
export function answer(
  properties: Readonly<Record<string, Schema>> = {},
  optional: readonly string[] = [],
): Schema {
  return object({ code: { const: 0 }, ...properties }, optional);
}

/** A whole document. */
export function openApi(
  { title, description, version, paths, schemas }: DocumentOptions,
): Schema {
  return {
    openapi: "3.1.1",
    info: { title, description, version, license: { name: "MIT", identifier: "MIT" } },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { basic: [] }],
    paths: Object.fromEntries(
      Object.entries(paths).map(([path, operations]) => [
        path,
        Object.fromEntries(
          Object.entries(operations).map(([method, operation]) => [method, operationOf(operation)]),
        ),
      ]),
    ),
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        basic: { type: "http", scheme: "basic", description: "Any user name; the token" },
      },
      schemas: { Error: object({ code: COUNT, data: TEXT }), ...schemas },
    },
  };
}

function operationOf(operation: Operation): Schema {
  const { summary, body, status = 200, type = "application/json", isPublic = false } = operation;
  const schema = operation.answer ?? (type === "application/json" ? answer() : TEXT);
  const failures = [...(isPublic ? [] : OF_GUARD), ...operation.failures ?? []].sort();
  const failed = {
    "application/json": { schema: ERROR },
    ...(operation.isPassed === true ? { "*/*": {} } : {}),
  };
  return {
    summary,
    ...(isPublic ? { security: [] } : {}),
    parameters: [
      ...parametersOf("path", operation.path ?? {}),
      ...parametersOf("query", operation.query ?? {}),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: {
      [status]: { description: summary, content: { [type]: { schema } } },
      ...Object.fromEntries(failures.map((status) => [
        status,
        { description: FAILURES[status], content: failed },
      ])),
      default: { description: "Any other failure", content: failed },
    },
  };
}

function parametersOf(place: "path" | "query", names: Readonly<Record<string, string>>): Schema[] {
  return Object.entries(names).map(([name, description]) => {
    return { name, in: place, description, required: place === "path", schema: TEXT };
  });
}
