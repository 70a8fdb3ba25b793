import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { listen } from '../../listen.ts';
import { type RunningProcess, startProcess } from '../../testing/process.ts';

/** A real Redis on 127.0.0.1 that forgets everything when it ends. */
export interface RedisServer {
  url: string;
  /** Kills it, whatever it is doing. */
  kill(): Promise<void>;
  /** Starts it again, empty, at the same address. */
  start(): Promise<void>;
  /** Stops it in the middle of everything, as on a node that hangs; then lets it go on. */
  freeze(): void;
  thaw(): void;
}

export async function startRedis(): Promise<RedisServer> {
  const port = await freePort();
  let running: RunningProcess | undefined;
  const redis: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    async kill() {
      await running?.end('SIGKILL');
      running = undefined;
    },
    async start() {
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', tmpdir()];
      const options = { name: 'redis', command: 'redis-server', args, environment: {} };
      const started = await startProcess(
        options,
        (onLine) =>
          new Promise<void>((resolve) => {
            onLine((line) => {
              if (line.includes('Ready to accept connections')) resolve();
            });
          }),
      );
      running = started.running;
    },
    freeze() {
      if (running !== undefined) process.kill(running.pid, 'SIGSTOP');
    },
    thaw() {
      if (running !== undefined) process.kill(running.pid, 'SIGCONT');
    },
  };
  await redis.start();
  return redis;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, { port: 0, host: '127.0.0.1' });
  await new Promise((closed) => server.close(closed));
  return port;
}
