/** Requests as fast as they are answered, by a few clients at a time. */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { summarize } from '../measure.ts';

export interface Load {
  method: 'GET' | 'POST';
  /** Asked anew for every request. */
  path: () => string;
  authorization?: string;
  body?: () => object;
  /** Default 4. */
  clients?: number;
}

export interface Outcome {
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Milliseconds of processor that the server took for one request. */
  cpu: number;
  /** Of one answer. */
  bytes: number;
}

const CLIENTS = 4;
/** Of the clock that /proc counts in. */
const TICK_MS = 10;

/** Throws when any answer is not 200. */
export async function run(origin: string, pid: number, load: Load, ms: number): Promise<Outcome> {
  const { clients = CLIENTS } = load;
  const pool = new Pool(origin, { connections: clients, pipelining: 1 });
  const waits: number[] = [];
  let bytes = 0;

  async function one(): Promise<void> {
    const started = performance.now();
    const { statusCode, body } = await pool.request({
      method: load.method,
      path: `/api_3${load.path()}`,
      headers: {
        ...(load.authorization === undefined ? {} : { authorization: load.authorization }),
        ...(load.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: load.body === undefined ? null : JSON.stringify(load.body()),
    });
    const answer = await body.arrayBuffer();
    waits.push(performance.now() - started);
    bytes += answer.byteLength;
    if (statusCode !== 200)
      throw new Error(`${load.method} ${load.path()}: ${statusCode} ${Buffer.from(answer).toString().slice(0, 500)}`);
  }

  async function client(until: number): Promise<void> {
    while (performance.now() < until) await one();
  }

  try {
    // What is compiled, cached and prepared at the first requests is so for all that follow.
    await Promise.all(Array.from({ length: clients }, () => client(performance.now() + ms / 4)));
    waits.length = 0;
    bytes = 0;
    const [started, before] = [performance.now(), cpuOf(pid)];
    await Promise.all(Array.from({ length: clients }, () => client(started + ms)));
    const took = performance.now() - started;
    const { p50, p99 } = summarize(waits);
    const { length } = waits;
    return { perSecond: (length * 1000) / took, p50, p99, cpu: (cpuOf(pid) - before) / length, bytes: bytes / length };
  } finally {
    await pool.close();
  }
}

/** Milliseconds of processor that a process has used. */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
