import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/log.ts';
import { loadConfig } from '../config.ts';
import { idleCommand } from './commands.ts';

const MAIN = join(import.meta.dirname, '..', 'main.ts');

const left: (() => void)[] = [];
afterEach(() => {
  for (const one of left.splice(0)) one();
});

describe('idle', () => {
  it('holds its place, with nothing to do, until it is asked to end', async () => {
    const child = spawn(process.execPath, [MAIN, 'idle'], {
      env: { PATH: '/usr/bin:/bin', KOPR_LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    left.push(() => void child.kill('SIGKILL'));
    const ended = once(child, 'close');
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('holds its place')) resolve();
      });
      child.once('close', () => reject(new Error(`it has ended after saying: ${said}`)));
    });
    // A process that nothing keeps alive has ended by then.
    await systemClock.sleep(500);
    expect(child.exitCode).toBeNull();
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(said).toContain('asked to end');
  });

  it('does not begin when it was asked to end before', async () => {
    const context = {
      config: loadConfig({}),
      log: createLogger('idle', 'silent'),
      clock: systemClock,
      random: () => 0,
    };
    expect(await idleCommand({ ...context, ending: AbortSignal.abort() })).toBe(0);
  });
});
