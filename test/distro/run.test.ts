import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from './run.ts';

test('the output is returned as it is', async () => {
  expect(await run('printf', ['%s', 'a b'])).toEqual(Buffer.from('a b'));
});

test('a failure tells the program, its exit code and its last words', async () => {
  const failing = run('sh', ['-c', 'echo broken stone >&2; exit 3']);
  await expect(failing).rejects.toThrow(/^sh -c .*: exit code 3: broken stone$/);
});

test('a program that takes too long is ended', async () => {
  await expect(run('sleep', ['60'], { timeout: 200 })).rejects.toThrow('sleep 60: signal SIGTERM');
});

test('a program that is not there is named', async () => {
  await expect(run('no-such-program', [])).rejects.toThrow('the program no-such-program is not installed');
});

test('the program does not outlive a caller that is killed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kopr-run-'));
  const pidFile = join(directory, 'pid');
  try {
    const program = ['sh', '-c', 'echo $$ >"$1.part"; mv "$1.part" "$1"; exec sleep 60', 'sh', pidFile];
    const script = `import { run } from '${import.meta.dirname}/run.ts'; await run(${JSON.stringify(program[0])}, ${JSON.stringify(program.slice(1))});`;
    const caller = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: 'ignore' });
    await expect.poll(() => existsSync(pidFile), { timeout: 10_000 }).toBe(true);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(isRunning(pid)).toBe(true);
    caller.kill('SIGKILL');
    await expect.poll(() => isRunning(pid), { timeout: 5000 }).toBe(false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** A process that has ended but that nobody has waited for yet has no command line any more. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`).length > 0;
  } catch {
    return false;
  }
}
