import express, { type ErrorRequestHandler, type Express, type Request } from 'express';
import type { Clock } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/log.ts';
import { ApiError, describeError, toApiError } from '../api-error.ts';
import type { LiveLogs } from '../ingest/live-log.ts';
import type { TaskStore } from '../ingest/task-store.ts';
import type { Uploads } from '../ingest/uploads.ts';
import type { Projects } from '../project/projects.ts';
import type { Publisher } from '../publication/publisher.ts';
import type { Removals } from '../removal/removals.ts';
import type { UploadStore } from '../uploads/store.ts';
import type { Authenticator } from './auth.ts';
import { addControlRoutes } from './control-routes.ts';
import { addIngestRoutes } from './ingest-routes.ts';
import { addUploadRoutes } from './upload-routes.ts';

const DISCARD_MS = 30_000;

export interface AppOptions {
  authenticator: Authenticator;
  tasks: TaskStore;
  logs: LiveLogs;
  uploads: Uploads;
  uploadStore: UploadStore;
  publisher: Publisher;
  projects: Projects;
  removals: Removals;
  clock: Clock;
  log: Logger;
}

/** The HTTP API of lib/protocol/publisher.ts. */
export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  addIngestRoutes(app, options);
  addControlRoutes(app, options);
  addUploadRoutes(app, options);
  app.use(() => {
    throw new ApiError(404, 'NotFound', 'there is nothing at this path');
  });
  app.use(errorHandler(options));
  return app;
}

function errorHandler({ log, clock }: Pick<AppOptions, 'log' | 'clock'>): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, request, response, _next) => {
    // A body cut short: there is nobody left to tell.
    if (request.readableAborted || response.headersSent) {
      response.destroy();
      return;
    }
    const answer = isMalformedRequest(error)
      ? new ApiError(400, 'InvalidRequest', 'the request is malformed')
      : toApiError(error);
    if (answer.status >= 500)
      log.error({ method: request.method, path: request.path, ...describeError(error) }, 'request failed');
    if (!request.readableEnded) discardRest(request, clock);
    response.status(answer.status).json({ ...answer.details, error: { code: answer.code, message: answer.message } });
  };
}

/** A client that is still sending hears the answer only when its bytes are taken off the line, for a while at least. */
function discardRest(request: Request, clock: Clock): void {
  request.resume();
  void clock.sleep(DISCARD_MS).then(() => {
    if (!request.readableEnded) request.destroy();
  });
}

/** Express's own complaints, such as a path that does not decode. */
function isMalformedRequest(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 400 && !(error instanceof ApiError);
}
