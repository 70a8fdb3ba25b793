import type { Express, Request, Response } from 'express';
import type { z } from 'zod';
import {
  publicationRequest,
  removalRequest,
  repositoryRequest,
  type working,
} from '../../../lib/protocol/publisher.ts';
import { projectName, taskId } from '../paths.ts';
import type { AppOptions } from './app.ts';
import { pathPart, queryInteger, readJson } from './body.ts';

const MAX_REQUEST_BYTES = 256 * 1024;
/** The comps.xml of each chroot is in it. */
const MAX_REPOSITORY_REQUEST_BYTES = 16 * 1024 * 1024;
const MAX_WAIT_SECONDS = 60;

type ControlOptions = Pick<AppOptions, 'authenticator' | 'tasks' | 'publisher' | 'projects' | 'removals' | 'clock'>;

/** What the operator may do, with a control token. */
export function addControlRoutes(app: Express, options: ControlOptions): void {
  const { authenticator, tasks, publisher, projects, removals } = options;

  app.get('/v1/tasks/:task', async (request, response) => {
    await authenticator.control(request);
    response.json(await tasks.stateOf(pathPart(request, 'task')));
  });

  app.delete('/v1/tasks/:task', async (request, response) => {
    await authenticator.control(request);
    await tasks.forget(pathPart(request, 'task'));
    response.status(204).end();
  });

  app.put('/v1/publications/:task', async (request, response) => {
    await authenticator.control(request);
    const task = taskId(pathPart(request, 'task'));
    const body = await readJson(request, publicationRequest, MAX_REQUEST_BYTES);
    const job = publisher.publish(task, body);
    await answerWithin(request, response, options, job.result, () => job.note);
  });

  app.put('/v1/projects/:owner/:project', async (request, response) => {
    await authenticator.control(request);
    const name = projectName(pathPart(request, 'owner'), pathPart(request, 'project'));
    const body = await readJson(request, repositoryRequest, MAX_REPOSITORY_REQUEST_BYTES);
    await answerWithin(request, response, options, projects.ensure(name, body), () => 'setting up the repositories');
  });

  app.delete('/v1/projects/:owner/:project', async (request, response) => {
    await authenticator.control(request);
    await projects.delete(projectName(pathPart(request, 'owner'), pathPart(request, 'project')));
    response.status(204).end();
  });

  app.put('/v1/removals/:name', async (request, response) => {
    await authenticator.control(request);
    const body = await readJson(request, removalRequest, MAX_REQUEST_BYTES);
    const result = removals.remove(pathPart(request, 'name'), body);
    await answerWithin(request, response, options, result, () => 'removing builds');
  });
}

/** Answers with the result, or with 202 when it is not there after `?wait=` seconds; the work goes on. */
async function answerWithin(
  request: Request,
  response: Response,
  { clock }: ControlOptions,
  result: Promise<unknown>,
  note: () => string,
): Promise<void> {
  const seconds = Math.min(queryInteger(request, 'wait', 0), MAX_WAIT_SECONDS);
  const timer = new AbortController();
  // Whoever repeats the request gets the outcome; unheard here it must not end the process.
  result.catch(() => undefined);
  try {
    const timeout = clock.sleep(seconds * 1000, timer.signal).then(() => undefined);
    timeout.catch(() => undefined);
    const answer = await Promise.race([result.then((value) => ({ value })), timeout]);
    if (answer === undefined) {
      response.status(202).json({ state: 'working', note: note() } satisfies z.infer<typeof working>);
    } else {
      response.json(answer.value);
    }
  } finally {
    timer.abort(new Error('no longer waited for'));
  }
}
