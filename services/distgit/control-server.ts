import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { importRequest } from '../../lib/protocol/distgit.ts';
import { taskDocument } from '../../lib/protocol/task.ts';
import { verifyControlToken } from '../../lib/protocol/token.ts';
import { type Failure, refusalStatus, toFailure } from './errors.ts';
import type { ImportJobs, Outcome } from './import-jobs.ts';
import { checkName } from './names.ts';

export interface ControlOptions {
  key: Uint8Array;
  clock: Clock;
  log: Logger;
  jobs: ImportJobs;
  removeProject: (owner: string, project: string) => Promise<void>;
}

interface Answer {
  status: number;
  body?: unknown;
}

const MAX_BODY = 1024 * 1024;
const MAX_WAIT_SECONDS = 60;
const waitSeconds = z.coerce.number().min(0).max(86_400).default(0);

/** The operator's side: JSON over HTTP, every request with a control token. */
export function createControlServer(options: ControlOptions): Server {
  const server = createServer((request, response) => {
    answer(options, request, response)
      .catch((error: unknown) => {
        options.log.error({ error: errorMessage(error) }, 'control request failed');
        return failed(toFailure(error));
      })
      .then((result) => send(response, result))
      .catch((error: unknown) => options.log.warn({ error: errorMessage(error) }, 'control answer could not be sent'));
  });
  server.headersTimeout = 15_000;
  server.requestTimeout = 30_000;
  return server;
}

async function answer(options: ControlOptions, request: IncomingMessage, response: ServerResponse): Promise<Answer> {
  const url = URL.parse(request.url ?? '/', 'http://control/');
  if (!url) return failed({ status: 400, code: 'BadRequest', message: 'the request has no usable URL' });
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  try {
    await verifyControlToken(options.key, token ?? '', 'distgit', options.clock);
  } catch (error) {
    return failed({ status: 401, code: 'InvalidToken', message: errorMessage(error) });
  }
  const parts = pathParts(url);
  const [version, collection, first, second] = parts;
  if (version === 'v1' && collection === 'imports' && first && parts.length === 3) {
    return request.method === 'PUT' ? putImport(options, first, url, request, response) : wrongMethod('PUT');
  }
  if (version === 'v1' && collection === 'projects' && first && second && parts.length === 4) {
    return request.method === 'DELETE' ? deleteProject(options, first, second) : wrongMethod('DELETE');
  }
  return failed({ status: 404, code: 'NotFound', message: `there is no ${url.pathname} here` });
}

function pathParts(url: URL): string[] {
  try {
    return url.pathname.slice(1).split('/').map(decodeURIComponent);
  } catch {
    return [];
  }
}

async function putImport(
  options: ControlOptions,
  task: string,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const wait = waitSeconds.safeParse(url.searchParams.get('wait') ?? undefined);
  if (!wait.success || !taskDocument.shape.task.safeParse(task).success) {
    return failed({ status: 400, code: 'BadRequest', message: 'the task id or the wait (seconds) is malformed' });
  }
  const body = await readJson(request);
  const parsed = importRequest.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const message = `the import request is malformed at "${issue?.path.join('.')}": ${issue?.message}`;
    return failed({ status: 400, code: 'BadRequest', message });
  }
  try {
    checkName('owner', parsed.data.owner);
    checkName('project', parsed.data.project);
    for (const branch of parsed.data.branches) checkName('branch', branch);
  } catch (error) {
    return failed(toFailure(error));
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const waitMs = Math.min(wait.data, MAX_WAIT_SECONDS) * 1000;
  return fromOutcome(await options.jobs.submit(task, parsed.data, waitMs, gone.signal));
}

async function deleteProject(options: ControlOptions, owner: string, project: string): Promise<Answer> {
  try {
    checkName('owner', owner);
    checkName('project', project);
  } catch (error) {
    return failed(toFailure(error));
  }
  await options.removeProject(owner, project);
  return { status: 204 };
}

/** Undefined for anything that is not JSON of a bearable size. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new TerminalError('BadRequest', `the request is larger than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

function fromOutcome(outcome: Outcome): Answer {
  switch (outcome.kind) {
    case 'done':
      return { status: 200, body: outcome.result };
    case 'working':
      return { status: 202, body: { state: 'working', note: outcome.note } };
    case 'refused':
      return failed({ status: refusalStatus(outcome.code), code: outcome.code, message: outcome.message });
    case 'failed':
      return failed(outcome);
  }
}

function failed({ status, code, message }: Failure): Answer {
  return { status, body: { error: { code, message } } };
}

function wrongMethod(allowed: string): Answer {
  return failed({ status: 405, code: 'MethodNotAllowed', message: `only ${allowed} is possible here` });
}

function send(response: ServerResponse, { status, body }: Answer): void {
  if (response.destroyed || response.headersSent) return;
  if (status === 503) response.setHeader('retry-after', '5');
  if (body === undefined) {
    response.writeHead(status).end();
    return;
  }
  const text = JSON.stringify(body);
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}
