import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { systemClock } from '../../lib/clock.ts';
import type { ImportResult } from '../../lib/protocol/distgit.ts';
import { importResult } from '../../lib/protocol/distgit.ts';
import { mintControlToken, mintSourceToken, tokenKey } from '../../lib/protocol/token.ts';
import { startWebServer } from './web-server.ts';

const KEY = Buffer.alloc(32, 7);
const START_MS = 30_000;
const ready = z.object({ httpPort: z.int(), controlPort: z.int() });

/** The distgit program itself, in a process of its own, that asks everybody for a token. */
export interface DistgitProcess {
  /** Of the public port, without a slash at the end. */
  url: string;
  /** Imports an SRPM into `demo/hello`. */
  import(srpm: string): Promise<ImportResult>;
  /** A source token for `owner/project/package`. */
  token(repo: string, lifetimeSeconds?: number): Promise<string>;
  stop(): Promise<void>;
}

/** `directory` is where it keeps its data. */
export async function startDistgit(directory: string): Promise<DistgitProcess> {
  let srpm: Buffer = Buffer.alloc(0);
  const results = await startWebServer((_request, response) => void response.end(srpm));
  await mkdir(join(directory, 'data'), { recursive: true });
  await writeFile(join(directory, 'key'), KEY);
  const main = join(import.meta.dirname, '..', '..', 'services', 'distgit', 'main.ts');
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      KOPR_DATA_DIR: join(directory, 'data'),
      KOPR_HTTP_PORT: '0',
      KOPR_CONTROL_PORT: '0',
      KOPR_METRICS_PORT: '0',
      KOPR_TOKEN_KEY_FILE: join(directory, 'key'),
      KOPR_SRPM_ORIGINS: results.url,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const { httpPort, controlPort } = await ports(child);
  return {
    url: `http://127.0.0.1:${httpPort}`,
    async import(path) {
      srpm = await readFile(path);
      const control = await mintControlToken(tokenKey(KEY), 'operator', 'distgit', systemClock);
      const reply = await fetch(
        `http://127.0.0.1:${controlPort}/v1/imports/0f8fad5b-d9cb-469f-a165-70867728950e.1?wait=30`,
        {
          method: 'PUT',
          headers: { authorization: `Bearer ${control}` },
          body: JSON.stringify({
            owner: 'demo',
            project: 'hello',
            build: 7,
            srpm: {
              url: `${results.url}/hello.src.rpm`,
              sha256: createHash('sha256').update(srpm).digest('hex'),
              size: srpm.length,
            },
            branches: ['pebble-13'],
          }),
        },
      );
      return importResult.parse(await reply.json());
    },
    token: (repo, lifetimeSeconds = 600) => mintSourceToken(tokenKey(KEY), { repo }, lifetimeSeconds, systemClock),
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await results.stop();
    },
  };
}

/** From the line of the log that says that it is ready. */
async function ports(child: ChildProcess): Promise<z.infer<typeof ready>> {
  if (child.stdout === null) throw new Error('distgit has no standard output');
  const late = AbortSignal.timeout(START_MS);
  const lines = createInterface({ input: child.stdout, signal: late });
  for await (const line of lines) {
    const parsed = ready.safeParse(JSON.parse(line));
    if (!parsed.success) continue;
    child.stdout.resume();
    return parsed.data;
  }
  throw new Error('distgit did not say that it is ready');
}
