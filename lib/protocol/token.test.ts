import { describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import {
  mintControlToken,
  mintSourceToken,
  mintTaskToken,
  mintUploadToken,
  tokenKey,
  verifyControlToken,
  verifySourceToken,
  verifyTaskToken,
  verifyUploadToken,
} from './token.ts';

const key = tokenKey(Buffer.alloc(32, 1));
const repo = 'demo/hello:pr:1/hello';
const tasks = { task: 'a.1', dir: 'demo/hello/pebble-13/00000001-hello' };

type Kind = 'task' | 'source' | 'upload' | 'publisher' | 'distgit';
const kinds: readonly Kind[] = ['task', 'source', 'upload', 'publisher', 'distgit'];

function mint(kind: Kind, withKey = key): Promise<string> {
  if (kind === 'task') return mintTaskToken(withKey, tasks, 60, systemClock);
  if (kind === 'source') return mintSourceToken(withKey, { repo }, 60, systemClock);
  if (kind === 'upload') return mintUploadToken(withKey, 'alice', systemClock);
  return mintControlToken(withKey, 'operator', kind, systemClock);
}

function verify(kind: Kind, token: string): Promise<unknown> {
  if (kind === 'task') return verifyTaskToken(key, token, systemClock);
  if (kind === 'source') return verifySourceToken(key, token, systemClock);
  if (kind === 'upload') return verifyUploadToken(key, token, systemClock);
  return verifyControlToken(key, token, kind, systemClock);
}

const answers: Record<Kind, unknown> = {
  task: tasks,
  source: { repo },
  upload: 'alice',
  publisher: 'operator',
  distgit: 'operator',
};

describe('a token', () => {
  it.each(kinds.flatMap((minted) => kinds.map((wanted) => [minted, wanted] as const)))(
    'minted for %s opens %s only if that is the same',
    async (minted, wanted) => {
      const token = await mint(minted);
      if (minted === wanted) expect(await verify(wanted, token)).toEqual(answers[wanted]);
      else await expect(verify(wanted, token)).rejects.toMatchObject({ code: 'InvalidToken' });
    },
  );

  it.each(kinds)('for %s signed with another key opens nothing', async (kind) => {
    const foreign = await mint(kind, tokenKey(Buffer.alloc(32, 2)));
    await expect(verify(kind, foreign)).rejects.toMatchObject({ code: 'InvalidToken' });
  });

  it('is good until its end and a minute of differing clocks', async () => {
    await expect(verify('source', await mintSourceToken(key, { repo }, -120, systemClock))).rejects.toMatchObject({
      code: 'InvalidToken',
    });
    expect(await verify('source', await mintSourceToken(key, { repo }, -10, systemClock))).toEqual({ repo });
  });

  it.each(['', 'demo', 'demo/hello', 'demo/hello/', 'demo/hello/a/b'])(
    'for sources is not minted for "%s", which is not one package',
    async (wrong) => {
      await expect(mintSourceToken(key, { repo: wrong }, 60, systemClock)).rejects.toThrow(/repo/);
    },
  );
});

describe('a token key', () => {
  it('of fewer than 32 bytes is refused', () => {
    expect(() => tokenKey(Buffer.alloc(31))).toThrow(/31 bytes/);
  });
});
