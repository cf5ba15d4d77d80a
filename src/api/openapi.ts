// How the OpenAPI documents of both APIs are put together (OpenAPI Specification 3.1.1). What is in
// them is in system_document.ts and http_document.ts; that they fit the handlers, a test says.

/** Anything that JSON can say. */
export type Schema = Readonly<Record<string, unknown>>;

/** One thing that can be asked for. */
export interface Operation {
  readonly summary: string;
  /** Names in the query, with what they mean. */
  readonly query?: Readonly<Record<string, string>>;
  /** Names in the path, which are written `{name}` there. */
  readonly path?: Readonly<Record<string, string>>;
  readonly body?: Schema;
  /** Of the answer with status 200; an object with `code` 0 unless told. */
  readonly answer?: Schema;
  /** Of the answer; JSON unless told. */
  readonly type?: string;
  /** Whether anybody may ask. */
  readonly isPublic?: boolean;
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

export const TEXT: Schema = { type: "string" };
export const COUNT: Schema = { type: "integer", minimum: 0 };
const ERROR = { $ref: "#/components/schemas/Error" };

/** An object with these properties, all of them required but those named. */
export function object(
  properties: Readonly<Record<string, Schema>>,
  optional: readonly string[] = [],
): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required };
}

/** An answer that went well, with this in it. */
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
  const { summary, body, type = "application/json", isPublic = false } = operation;
  const schema = operation.answer ?? (type === "application/json" ? answer() : TEXT);
  const failed = {
    description: "Why it failed",
    content: { "application/json": { schema: ERROR } },
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
      200: { description: summary, content: { [type]: { schema } } },
      default: failed,
    },
  };
}

function parametersOf(place: "path" | "query", names: Readonly<Record<string, string>>): Schema[] {
  return Object.entries(names).map(([name, description]) => {
    return { name, in: place, description, required: place === "path", schema: TEXT };
  });
}
