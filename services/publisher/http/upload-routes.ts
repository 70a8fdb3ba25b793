import type { Express } from 'express';
import type { z } from 'zod';
import { type StoredUpload, type uploadList, uploadNamePattern } from '../../../lib/protocol/upload.ts';
import { badRequest } from '../api-error.ts';
import type { AppOptions } from './app.ts';
import { pathPart } from './body.ts';

type UploadRouteOptions = Pick<AppOptions, 'authenticator' | 'uploadStore'>;

/** What the API may do with an upload token, for one user, and the operator with a control token. */
export function addUploadRoutes(app: Express, { authenticator, uploadStore }: UploadRouteOptions): void {
  app.post('/v1/uploads', async (request, response) => {
    const user = await authenticator.upload(request);
    const { name } = request.query;
    if (typeof name !== 'string' || !uploadNamePattern.test(name)) {
      throw badRequest(
        'InvalidName',
        'the query parameter name must be a plain file name that ends in .src.rpm, .nosrc.rpm or .spec',
      );
    }
    const length = request.headers['content-length'];
    const announced = length === undefined ? undefined : Number(length);
    const stored: StoredUpload = await uploadStore.receive({ user, name, announced, body: request });
    response.json(stored);
  });

  app.get('/v1/uploads', async (request, response) => {
    await authenticator.control(request);
    response.json({ uploads: await uploadStore.list() } satisfies z.infer<typeof uploadList>);
  });

  app.delete('/v1/uploads/:id', async (request, response) => {
    await uploadStore.delete(pathPart(request, 'id'), await authenticator.deletion(request));
    response.status(204).end();
  });
}
