import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../lib/errors.ts';
import type { ProjectRepositories } from '../../lib/protocol/publisher.ts';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import { askPublisher } from './repositories.ts';

const DONE: ProjectRepositories = {
  state: 'done',
  publicKeyFingerprint: 'F',
  publicKeyURL: 'http://r.example/',
  chroots: [],
};
const REQUEST = { chroots: [], repoFile: { moduleHotfixes: false } };

/** Asks for `hello` and these directories of a publisher that answers so, by name. */
function ask(
  directories: string[],
  answers: (name: string) => ProjectRepositories | undefined | Promise<ProjectRepositories>,
  clock = new FakeClock(),
) {
  const asked: string[] = [];
  const services = {
    ensureRepositories(_owner: string, name: string) {
      asked.push(name);
      return Promise.resolve().then(() => answers(name));
    },
  };
  const wish = { owner: 'demo', name: 'hello', request: REQUEST, directories };
  return askPublisher(wish, { services, clock, signal: new AbortController().signal }).then((answer) => ({
    answer,
    asked,
  }));
}

describe('askPublisher', () => {
  it('does not ask for directories before the project is there', async () => {
    const { answer, asked } = await ask(['hello:pr:1'], () => undefined);
    expect(asked).toEqual(['hello']);
    expect(answer).toMatchObject({ repositories: 'pending', directories: { pending: ['hello:pr:1'] } });
  });

  it('tells what became of each directory', async () => {
    const { answer } = await ask(['hello:pr:1', 'hello:pr:2', 'hello:pr:3', 'hello:pr:4'], (name) => {
      if (name === 'hello:pr:2') return undefined;
      if (name === 'hello:pr:3') throw new TerminalError('InvalidName', 'no');
      if (name === 'hello:pr:4') throw new Error('reset');
      return DONE;
    });
    expect(answer).toEqual({
      repositories: DONE,
      directories: {
        done: ['hello:pr:1'],
        pending: ['hello:pr:2', 'hello:pr:4'],
        refused: [{ dirname: 'hello:pr:3', code: 'InvalidName', message: 'no' }],
      },
    });
  });

  it('leaves the rest to the next time when it takes long', async () => {
    const clock = new FakeClock();
    const names = Array.from({ length: 9 }, (_, n) => `hello:pr:${n}`);
    const { answer, asked } = await ask(
      names,
      async () => {
        await clock.advance(15_000);
        return DONE;
      },
      clock,
    );
    expect(asked.length).toBeLessThan(names.length);
    expect(answer.directories.pending).not.toEqual([]);
  });
});
