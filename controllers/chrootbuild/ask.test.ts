import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../lib/errors.ts';
import type { Publication } from '../../lib/protocol/publisher.ts';
import type { Services } from '../shared/services.ts';
import { aSourceStage } from '../testing/objects.ts';
import { answer } from './ask.ts';
import { aWorld, COMPLETE, GOOD } from './testing/worlds.ts';
import type { Question } from './world.ts';

const { signal } = new AbortController();
const QUESTIONS: Question[] = ['task', 'publication', 'imported'];
const SRPM = { path: 'demo/hello/srpm-builds/00000007/hello-2.12-1.src.rpm', sha256: 'a'.repeat(64), size: 9 };

/** Services that all answer with `work`. */
function answering(work: () => Promise<never> | Promise<undefined>): Services {
  const same = work as () => Promise<never>;
  return {
    taskState: same,
    publish: same,
    importSrpm: same,
    ensureRepositories: same,
    deleteProject: same,
    removeBuilds: same,
    forgetTask: same,
  };
}

function rejecting(error: Error): Services {
  return answering(() => Promise.reject(error));
}

describe('answer', () => {
  const world = aWorld({ chrootBuild: aSourceStage({ srpm: SRPM }), facts: { task: COMPLETE } });

  it.each(QUESTIONS)('makes a refusal of %s an answer: it must not end the reconcile', async (question) => {
    const services = rejecting(new TerminalError('ProjectDeleted', 'the project demo/hello was deleted'));
    const refused = { code: 'ProjectDeleted', message: 'the project demo/hello was deleted' };
    expect((await answer(world, question, services, signal))[question]).toEqual({ refused });
  });

  it.each(QUESTIONS)('takes trouble on the way to %s for no answer', async (question) => {
    await expect(answer(world, question, rejecting(new Error('reset')), signal)).rejects.toThrow('reset');
  });

  it('ends a source stage that left no source package', async () => {
    const publication: Publication = { state: 'done', verdict: GOOD, packages: [] };
    const without = aWorld({ chrootBuild: aSourceStage(), facts: { task: COMPLETE, publication } });
    const services = rejecting(new Error('nobody asks'));
    expect(await answer(without, 'imported', services, signal)).toMatchObject({
      task: COMPLETE,
      imported: { refused: { code: 'NoSourcePackage' } },
    });
  });

  it('is pending while a service works, and keeps the answers to what was asked before', async () => {
    const services = answering(() => Promise.resolve(undefined));
    expect(await answer(world, 'publication', services, signal)).toEqual({ task: COMPLETE, publication: 'pending' });
  });
});
