import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Longer than a cold build takes on a slow machine. */
const LOCK_SECONDS = '3600';

/** Runs this program again under a lock that the kernel releases even when everything is killed. */
export async function runLocked(cacheDirectory: string, name: string): Promise<void> {
  await mkdir(cacheDirectory, { recursive: true });
  const lock = ['--timeout', LOCK_SECONDS, join(cacheDirectory, name)];
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('flock', [...lock, ...again], {
    stdio: 'inherit',
    env: { ...process.env, KOPR_DISTRO_LOCKED: '1' },
  });
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
