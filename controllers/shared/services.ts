import type { Dispatcher } from 'undici';
import { request as undiciRequest } from 'undici';
import type { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { TerminalError } from '../../lib/errors.ts';
import type { ImportRequest, ImportResult } from '../../lib/protocol/distgit.ts';
import { importResult } from '../../lib/protocol/distgit.ts';
import type {
  ProjectRepositories,
  Publication,
  PublicationRequest,
  RemovalDone,
  RemovalRequest,
  RepositoryRequest,
  TaskState,
} from '../../lib/protocol/publisher.ts';
import { apiError, projectRepositories, publication, removalDone, taskState } from '../../lib/protocol/publisher.ts';
import { CONTROL_TTL_SECONDS, type ControlledService, mintControlToken } from '../../lib/protocol/token.ts';

/** Seconds a service may hold a request open while it works; longer work answers "working" and is asked again. */
const WAIT_SECONDS = 2;
const TIMEOUT_MS = 15_000;
const TOKEN_MS = (CONTROL_TTL_SECONDS / 2) * 1000;

export interface ServiceOptions {
  publisherURL: string;
  distgitURL: string;
  tokenKey: Uint8Array;
  clock: Clock;
  dispatcher: Dispatcher;
}

/** Undefined means: under way, ask again. A TerminalError means: the request itself is refused, for good. */
export interface Services {
  taskState(task: string, signal: AbortSignal): Promise<TaskState>;
  publish(task: string, body: PublicationRequest, signal: AbortSignal): Promise<Publication | undefined>;
  importSrpm(task: string, body: ImportRequest, signal: AbortSignal): Promise<ImportResult | undefined>;
  ensureRepositories(
    owner: string,
    project: string,
    body: RepositoryRequest,
    signal: AbortSignal,
  ): Promise<ProjectRepositories | undefined>;
  /** True once nothing of the project is left at either service. */
  deleteProject(owner: string, project: string, signal: AbortSignal): Promise<boolean>;
  /** Takes what these builds have published out of every repository of the project; `name` is the same for each repetition. */
  removeBuilds(name: string, body: RemovalRequest, signal: AbortSignal): Promise<RemovalDone | undefined>;
  /** The publisher drops what an attempt has sent and refuses its token from now on. */
  forgetTask(task: string, signal: AbortSignal): Promise<void>;
}

type Method = 'GET' | 'PUT' | 'DELETE';

export function createServices(options: ServiceOptions): Services {
  const urls = { publisher: options.publisherURL, distgit: options.distgitURL };

  const tokens = new Map<ControlledService, { token: Promise<string>; until: number }>();

  /** Each is used for half its life: every stage asks several times, and a signature costs more than the rest of a request. */
  function tokenFor(service: ControlledService): Promise<string> {
    const now = options.clock.now();
    const known = tokens.get(service);
    // A clock that was set back makes a new one, too.
    if (known !== undefined && known.until - TOKEN_MS <= now && now < known.until) return known.token;
    const token = mintControlToken(options.tokenKey, 'kopr-operator', service, options.clock);
    tokens.set(service, { token, until: now + TOKEN_MS });
    return token;
  }

  async function call(
    method: Method,
    service: ControlledService,
    path: string,
    signal: AbortSignal,
    body?: object,
  ): Promise<{ status: number; json: unknown }> {
    const token = await tokenFor(service);
    const response = await undiciRequest(`${urls[service]}${path}`, {
      method,
      dispatcher: options.dispatcher,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.body.text();
    const json: unknown = text === '' ? undefined : parse(text);
    if (response.statusCode < 300) return { status: response.statusCode, json };
    throw serviceError(method, path, response.statusCode, json);
  }

  /** 202 is "working"; 200 has the answer. */
  async function work<T>(
    schema: z.ZodType<T>,
    service: ControlledService,
    path: string,
    body: object,
    signal: AbortSignal,
  ) {
    const { status, json } = await call('PUT', service, `${path}?wait=${WAIT_SECONDS}`, signal, body);
    return status === 202 ? undefined : schema.parse(json);
  }

  return {
    async taskState(task, signal) {
      return taskState.parse((await call('GET', 'publisher', `/v1/tasks/${task}`, signal)).json);
    },
    publish: (task, body, signal) => work(publication, 'publisher', `/v1/publications/${task}`, body, signal),
    importSrpm: (task, body, signal) => work(importResult, 'distgit', `/v1/imports/${task}`, body, signal),
    ensureRepositories: (owner, project, body, signal) =>
      work(projectRepositories, 'publisher', projectPath(owner, project), body, signal),
    async deleteProject(owner, project, signal) {
      const path = projectPath(owner, project);
      const publisher = await call('DELETE', 'publisher', `${path}?wait=${WAIT_SECONDS}`, signal);
      const distgit = await call('DELETE', 'distgit', path, signal);
      return publisher.status === 204 && distgit.status === 204;
    },
    removeBuilds: (name, body, signal) =>
      work(removalDone, 'publisher', `/v1/removals/${encodeURIComponent(name)}`, body, signal),
    async forgetTask(task, signal) {
      await call('DELETE', 'publisher', `/v1/tasks/${task}`, signal);
    },
  };
}

function projectPath(owner: string, project: string): string {
  return `/v1/projects/${encodeURIComponent(owner)}/${encodeURIComponent(project)}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * 400 and 422 say that the request can never succeed, 409 that the task or its directory is another one's, 410 that what it is
 * about is gone; everything else may pass. A deletion is asked for until it is done, whatever stands in its way.
 */
function serviceError(method: Method, path: string, status: number, json: unknown): Error {
  const parsed = apiError.safeParse(json);
  const code = parsed.success ? parsed.data.error.code : `HTTP${status}`;
  const message = parsed.success ? parsed.data.error.message : `answered ${status}`;
  if (method !== 'DELETE' && [400, 409, 410, 422].includes(status)) return new TerminalError(code, message);
  return new Error(`${method} ${path}: ${code}: ${message}`);
}
