import { z } from 'zod';
import { notFound } from '../http/errors.ts';
import { id, int, text } from '../http/fields.ts';
import { streamReply } from '../http/reply.ts';
import type { AnyRoute, Call } from '../http/route.ts';
import { defineRoute } from '../http/route.ts';
import type { LogStage } from '../logs/reader.ts';
import { lineAfter } from '../logs/sse.ts';

/** Live logs: not part of Copr's API, whose clients read the log below the results URL. */

const query = z.object({
  build_id: id('Build').describe('Number of the build.'),
  chrootname: text(128).describe('Name of the chroot, or srpm-builds for the log of the source package.'),
  offset: int().default(0).describe('First line to send, counted from 0.'),
});
type LogCall = Call<Readonly<Record<string, never>>, z.infer<typeof query>>;

async function stageOf(call: LogCall): Promise<LogStage> {
  const { build_id, chrootname } = call.query;
  const stage = await call.services.logs.find(build_id, chrootname, call.signal);
  if (stage === undefined) throw notFound(`Build ${build_id} has no chroot ${chrootname}, or does not exist.`);
  return stage;
}

const asText = defineRoute({
  operation: 'build-chroot.log',
  methods: ['GET'],
  path: '/build-chroot/log',
  summary: 'The log of one stage of a build, as far as it is there.',
  access: 'anyone',
  query,
  result: 'text',
  async handle(call: LogCall) {
    const log = await call.services.logs.text(await stageOf(call), call.query.offset, call.signal);
    return streamReply('text/plain; charset=utf-8', log);
  },
});

const asEvents = defineRoute({
  operation: 'build-chroot.log-stream',
  methods: ['GET'],
  path: '/build-chroot/log/stream',
  summary: 'The log of one stage of a build, line by line while it grows.',
  description:
    'Server-sent events. The data of an event is a line, its id the number of the line, counted from 0; a client that comes back with the header Last-Event-ID goes on behind it. `end`: the stage is over, the data is the number of lines. `restart`: the stage is tried again and its log begins anew, at line 0.',
  access: 'anyone',
  query,
  result: 'events',
  async handle(call: LogCall) {
    const stage = await stageOf(call);
    const from = lineAfter(call.headers['last-event-id']) ?? call.query.offset;
    return streamReply('text/event-stream; charset=utf-8', call.services.logs.events(stage, from, call.signal));
  },
});

export const logRoutes: readonly AnyRoute[] = [asText, asEvents];
