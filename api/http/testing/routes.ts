/** Small routes that show every rule of the transport. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { conflict, notFound, tooLarge } from '../errors.ts';
import { bool, id, int, intOrEmpty, lines, list, text, words } from '../fields.ts';
import { listAnswer, pageOf, pagingFields, slice } from '../paging.ts';
import { streamReply, textReply } from '../reply.ts';
import { type AnyRoute, callerOf, defineRoute } from '../route.ts';

export interface Kept {
  discarded: string[];
  received: string[];
  reads: number;
  aborted: string[];
}

export function testRoutes(kept: Kept): readonly AnyRoute[] {
  const result = z.object({});
  const names = { ownername: text(), projectname: text() };
  const project = (owner: string, name: string) => {
    if (name === 'missing') throw notFound(`Project ${owner}/${name} does not exist.`);
    const permissions = [{ user: 'bob', builder: 'approved' as const }];
    return Promise.resolve({ owner, name, namespace: owner, permissions, extra: 7 });
  };
  return [
    defineRoute({
      operation: 'test.home',
      methods: ['GET'],
      path: '/',
      summary: 'Home',
      access: 'anyone',
      result,
      handle: () => Promise.resolve({ version: 3 }),
    }),
    defineRoute({
      operation: 'test.whoami',
      methods: ['GET'],
      path: '/auth-check',
      summary: 'Caller',
      access: 'user',
      result,
      handle: (call) => Promise.resolve({ name: callerOf(call).name }),
    }),
    defineRoute({
      operation: 'test.list',
      methods: ['GET'],
      path: '/thing/list',
      summary: 'Paging',
      access: 'anyone',
      query: z.object({ ownername: text(), ...pagingFields(['id', 'name']) }),
      result,
      handle(call) {
        const page = pageOf(call.query, 'id');
        return Promise.resolve(listAnswer(slice([1, 2, 3, 4, 5], page), page));
      },
    }),
    defineRoute({
      operation: 'test.get',
      methods: ['GET'],
      path: '/thing/:id',
      summary: 'One',
      access: 'anyone',
      params: z.object({ id: id('Thing') }),
      result,
      handle: (call) => Promise.resolve({ id: call.params.id }),
    }),
    defineRoute({
      operation: 'test.edit',
      methods: ['PUT', 'POST'],
      path: '/thing/edit/:ownername/:projectname',
      summary: 'Form',
      access: { right: 'edit', on: ({ params }) => project(params.ownername, params.projectname) },
      params: z.object(names),
      aliases: { additional_repos: 'repos' },
      body: z.object({
        name: text(10).optional(),
        description: lines().optional(),
        repos: words().optional(),
        chroots: list().optional(),
        devel: bool().optional(),
        days: intOrEmpty(-1, 720).optional(),
      }),
      result,
      handle: (call) => Promise.resolve({ body: call.body, params: call.params, extra: call.found.extra }),
    }),
    defineRoute({
      operation: 'test.delete',
      methods: ['DELETE', 'POST'],
      path: '/thing/delete',
      summary: 'Body of a DELETE',
      access: 'user',
      body: z.object({ builds: list() }),
      result,
      handle: (call) => Promise.resolve({ builds: call.body.builds }),
    }),
    defineRoute({
      operation: 'test.fork',
      methods: ['POST', 'PUT'],
      path: '/thing/fork',
      summary: 'Roles swapped',
      access: 'anyone',
      result,
      handle: () => Promise.resolve({}),
    }),
    defineRoute({
      operation: 'test.build',
      methods: ['POST'],
      path: '/build/create/url',
      summary: 'Build form',
      access: { right: 'build', on: ({ body }) => project(String(body.ownername), String(body.projectname)) },
      formErrors: 'parameters',
      body: z.object({ ...names, pkgs: words(), timeout: int(0, 108_000).optional() }),
      result,
      handle: (call) => Promise.resolve({ pkgs: call.body.pkgs }),
    }),
    defineRoute({
      operation: 'test.upload',
      methods: ['POST'],
      path: '/upload',
      summary: 'Upload',
      access: 'user',
      body: z.object({ projectname: text(), chroots: list().optional() }),
      upload: {
        part: 'pkgs',
        required: true,
        description: 'An SRPM',
        async receive(file) {
          if (file.filename === 'huge.src.rpm') throw tooLarge('huge.src.rpm is too large.');
          const hash = createHash('sha256');
          let size = 0;
          for await (const chunk of file.stream as AsyncIterable<Buffer>) {
            hash.update(chunk);
            size += chunk.length;
          }
          kept.received.push(file.filename);
          return { name: file.filename, size, sha256: hash.digest('hex') };
        },
        discard(file) {
          kept.discarded.push(file.name);
          return Promise.resolve();
        },
      },
      result,
      handle(call) {
        if (call.body.projectname === 'taken') throw conflict('taken');
        return Promise.resolve({ file: call.file, body: call.body });
      },
    }),
    defineRoute({
      operation: 'test.slow',
      methods: ['GET', 'POST'],
      path: '/slow',
      summary: 'Slow',
      access: 'anyone',
      timeoutMs: 300,
      body: z.object({}),
      query: z.object({ ms: int() }),
      result,
      async handle(call) {
        call.signal.addEventListener('abort', () => kept.aborted.push((call.signal.reason as Error).name));
        await sleep(call.query.ms);
        return {};
      },
    }),
    defineRoute({
      operation: 'test.crash',
      methods: ['GET'],
      path: '/crash',
      summary: 'A bug',
      access: 'anyone',
      result,
      handle: () => Promise.reject(new Error('secret detail')),
    }),
    defineRoute({
      operation: 'test.repo',
      methods: ['GET'],
      base: '',
      path: '/coprs/:owner/:dirname/repo/:release/:file',
      oldPaths: ['/coprs/:owner/:dirname/repo/:release', '/coprs/g/:owner/:dirname/repo/:release'],
      summary: 'Text',
      access: 'anyone',
      params: z.object({ owner: text(), dirname: text(), release: text() }),
      result: 'text',
      handle(call) {
        if (call.params.release === 'none') throw notFound('No such chroot.', { 'Copr-Error-Data': 'e30=' });
        return Promise.resolve(textReply(`[${call.params.owner}:${call.params.dirname}]\n`));
      },
    }),
    defineRoute({
      operation: 'test.stream',
      methods: ['GET'],
      path: '/stream',
      summary: 'Stream',
      access: 'anyone',
      timeoutMs: 200,
      result: 'events',
      handle(call) {
        return Promise.resolve(streamReply('text/event-stream', numbers(call.signal, kept)));
      },
    }),
  ];
}

async function* numbers(signal: AbortSignal, kept: Kept): AsyncGenerator<string> {
  try {
    for (let number = 0; !signal.aborted; number++) {
      yield `data: ${number}\n\n`;
      await sleep(50, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    kept.aborted.push('stream');
  }
}
