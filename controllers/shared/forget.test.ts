import { describe, expect, it } from 'vitest';
import { recordingLog } from '../../operator/testing/harness.ts';
import { aMachine } from '../hook/testing/objects.ts';
import { forgetAttempt } from './forget.ts';

const builder = aMachine();
const claim = { chrootBuild: { namespace: 'demo', name: 'hello-1.pebble', uid: 'u-1' }, attempt: 3 };

async function down(): Promise<void> {
  throw new Error('the publisher is away');
}

describe('forgetAttempt', () => {
  it('names the attempt of the stage', async () => {
    const asked: string[] = [];
    const services = { forgetTask: async (task: string) => void asked.push(task) };
    const { log, records } = recordingLog();
    expect(await forgetAttempt(services, builder, claim, { log, signal: AbortSignal.abort() })).toBe(true);
    expect([asked, records]).toEqual([['u-1.3'], []]);
  });

  it('has not succeeded when the publisher is away, and says so', async () => {
    const { log, records } = recordingLog();
    const { signal } = new AbortController();
    expect(await forgetAttempt({ forgetTask: down }, builder, claim, { log, signal })).toBe(false);
    expect(records).toMatchObject([
      { builder: 'kopr-builds/cloud-00000007', problem: 'the publisher is away', msg: 'attempt was not forgotten' },
    ]);
  });

  it('ends with the reconcile that it is part of', async () => {
    const { log, records } = recordingLog();
    const ended = forgetAttempt({ forgetTask: down }, builder, claim, { log, signal: AbortSignal.abort() });
    await expect(ended).rejects.toThrow('the publisher is away');
    expect(records).toEqual([]);
  });
});
