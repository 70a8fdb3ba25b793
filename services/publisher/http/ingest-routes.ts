import type { Express, Request } from 'express';
import { taskManifest } from '../../../lib/protocol/publisher.ts';
import type { AdmittedTask } from '../ingest/task-store.ts';
import type { AppOptions } from './app.ts';
import { pathPart, queryInteger, readBody, readJson } from './body.ts';

const MAX_LOG_PIECE_BYTES = 8 * 1024 * 1024;
const MAX_MANIFEST_BYTES = 2 * 1024 * 1024;

type IngestOptions = Pick<AppOptions, 'authenticator' | 'tasks' | 'logs' | 'uploads'>;

/** What a builder pod may do, with a token for one task. */
export function addIngestRoutes(app: Express, { authenticator, tasks, logs, uploads }: IngestOptions): void {
  const admit = async (request: Request): Promise<AdmittedTask> =>
    tasks.admit(pathPart(request, 'task'), await authenticator.task(request));

  app.post('/v1/tasks/:task/log/:name', async (request, response) => {
    const task = await admit(request);
    const offset = queryInteger(request, 'offset');
    const data = await readBody(request, MAX_LOG_PIECE_BYTES);
    response.json({ size: await logs.append(task, pathPart(request, 'name'), offset, data) });
  });

  app.put('/v1/tasks/:task/files/:name', async (request, response) => {
    const task = await admit(request);
    const sha256 = request.header('x-kopr-sha256') ?? '';
    response.json({ size: await uploads.receive(task, pathPart(request, 'name'), sha256, request) });
  });

  app.post('/v1/tasks/:task/complete', async (request, response) => {
    const task = await admit(request);
    await tasks.complete(task, await readJson(request, taskManifest, MAX_MANIFEST_BYTES));
    response.json({});
  });
}
