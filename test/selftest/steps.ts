import type { Answer, Api } from './api.ts';

/** What the steps of the test work with. */
export interface Bench {
  api: Api;
  /** The content of a small file. */
  fetch(url: string): Promise<Buffer>;
  /** Rejects unless there is such a file. */
  exists(url: string): Promise<void>;
  wait(ms: number): Promise<void>;
  /** Milliseconds from any fixed point. */
  elapsed(): number;
  say(line: string): void;
  namespace: string;
  /** Base of the URLs in the status of Projects, and the same place as pods reach it. */
  resultsURL: string;
  internalURL: string;
  timeoutMs: number;
}

export interface Condition {
  type: string;
  status: string;
  message: string;
}

/** Of everything that the test makes. Its role may read and delete nothing else. */
export const NAME = 'kopr-selftest';
const PAUSE_MS = 1_000;
const GROUP = '/apis/kopr.dev/v1alpha1';

export const CHROOTS = `${GROUP}/chroots`;

export function collection(bench: Bench, plural: 'projects' | 'builds'): string {
  return `${GROUP}/namespaces/${bench.namespace}/${plural}`;
}

/** The public address may not be reachable from a pod; the same file is. */
export function inside(bench: Bench, url: string): string {
  return url.startsWith(bench.resultsURL) ? bench.internalURL + url.slice(bench.resultsURL.length) : url;
}

/** Asks until there is an answer, for at most `timeoutMs`. */
export async function until<T>(
  bench: Bench,
  timeoutMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const end = bench.elapsed() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || bench.elapsed() + PAUSE_MS > end) return answer;
    await bench.wait(PAUSE_MS);
  }
}

export async function request(bench: Bench, method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
  const answer = await bench.api.call(method, path, body);
  if (answer.status >= 300) throw refusal(method, path, answer);
  return answer.body;
}

export function refusal(method: string, path: string, { status, body }: Answer): Error {
  const { message } = body as { message?: unknown };
  return new Error(`${method} ${path}: ${status} ${typeof message === 'string' ? message : ''}`);
}
