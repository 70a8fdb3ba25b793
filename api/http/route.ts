import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { Access, Caller } from '../auth/access.ts';
import type { Services } from '../services.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Values of a query or body as they came, without those that are null. Lists are still lists. */
export type RawFields = Readonly<Record<string, unknown>>;

/** The file of a multipart body while it arrives. Nothing of the other parts is known yet: clients send the file first. */
export interface FilePart {
  /** Name of the part, such as `pkgs`. */
  part: string;
  /** As the client named it, without any directories; empty when it named none. */
  filename: string;
  contentType: string;
  /** Must be read to its end, or the request does not go on. Fails when the client breaks off. */
  stream: Readable;
}

export interface ReceiveContext {
  caller: Caller | undefined;
  services: Services;
  signal: AbortSignal;
}

/** How a route takes the one file of its multipart body. */
export interface UploadRule<File> {
  /** Name of the part with the file. */
  part: string;
  /** 400 without it. */
  required: boolean;
  description: string;
  /** Runs as soon as the part begins, after authentication. What it resolves with is `call.file`. */
  receive(file: FilePart, context: ReceiveContext): Promise<File>;
  /** Called with the result of `receive` when the request fails after it. Its own failure is only logged. */
  discard(file: File, services: Services): Promise<void>;
}

/** What `access.on` sees: the body is not validated yet. */
export interface Target<Params, Query> {
  params: Params;
  query: Query;
  /** Use `rawText(body, 'ownername')` of fields.ts. */
  body: RawFields;
  caller: Caller;
  services: Services;
  signal: AbortSignal;
}

export interface Call<Params = unknown, Query = unknown, Body = unknown, File = unknown, Found = unknown> {
  params: Params;
  query: Query;
  body: Body;
  /** Result of `upload.receive`; undefined when no file came. */
  file: File | undefined;
  /** What `access.on` found. */
  found: Found;
  /** Undefined on routes for anyone; `callerOf(call)` gives it without the doubt. */
  caller: Caller | undefined;
  services: Services;
  /** Aborts when the client is gone, at the deadline of the request, and when the process stops. Pass it on. */
  signal: AbortSignal;
  /** Header fields that a few routes need; names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
}

export interface RouteDefinition<Params, Query, Body, File, Found> {
  /** `<group>.<action>`, unique: names the route in metrics, logs and OpenAPI (`project.add`). */
  operation: string;
  /** The first is current, the others are answered with a `Warning` header. */
  methods: readonly [Method, ...Method[]];
  /** Methods that are neither current nor deprecated: answered without a `Warning`. */
  alsoWithoutWarning?: readonly Method[];
  /** Below `base`, with `:name` variables and without a trailing slash: `/project/add/:ownername`. */
  path: string;
  /** Further paths of the same route; their variables must satisfy `params` too. */
  oldPaths?: readonly string[];
  /** Default `/api_3`. */
  base?: '' | '/api_3';
  summary: string;
  description?: string;
  access: Access<Target<Params, Query>, Found>;
  /** Path variables. An issue with `params: {status: 404}` makes the answer 404, see `id()` of fields.ts. */
  params?: z.ZodType<Params>;
  query?: z.ZodType<Query>;
  body?: z.ZodType<Body>;
  /** Other names under which clients send fields of the body: `{additional_repos: 'repos'}`. The field's own name wins. */
  aliases?: Readonly<Record<string, string>>;
  /** `lines` (default): one line `<field>: <message>` for each problem. `parameters`: what routes creating builds answer. */
  formErrors?: 'lines' | 'parameters';
  upload?: UploadRule<File>;
  /** Milliseconds until the answer; default 30 s, for uploads 6 h. A stream has none once it began. */
  timeoutMs?: number;
  /** Documentation, and checked by tests; answers of production are not run through it. */
  result: z.ZodType | 'text' | 'events' | 'html';
  /** Not in the OpenAPI document: pages for people. */
  hidden?: boolean;
  /** Example of a body in the documentation. */
  example?: unknown;
  /** A JSON object, or a Reply. Never an object with a key `error`: clients take that for a failure. */
  handle(call: Call<Params, Query, Body, File, Found>): Promise<object>;
}

export type AnyRoute = RouteDefinition<unknown, unknown, unknown, unknown, unknown>;

type Nothing = Readonly<Record<string, never>>;

/** Infers the types of a route from its schemas. What it lacks (params, query, body) is an empty object. */
export function defineRoute<Params = Nothing, Query = Nothing, Body = Nothing, File = undefined, Found = undefined>(
  route: RouteDefinition<Params, Query, Body, File, Found>,
): RouteDefinition<Params, Query, Body, File, Found> {
  return route;
}

/** The caller of a route whose access is not `anyone`. */
export function callerOf(call: Pick<Call, 'caller'>): Caller {
  if (call.caller === undefined) throw new Error('callerOf() was used on a route that anyone may call');
  return call.caller;
}
