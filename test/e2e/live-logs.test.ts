/** Logs of running builds: followed line by line, and whole in the end, with and without Redis. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  api,
  apiURL,
  type CoprUser,
  coprUser,
  createdBuilds,
  deleteProjects,
  ENDED,
  removeScratch,
  untilState,
} from './copr.ts';
import { kubectl, RELEASE_NAMESPACE, results } from './harness.ts';

const OWNER = 'heidi';
const C1 = 'pebble-13-x86_64';

let heidi: CoprUser;

interface Event {
  id: number | undefined;
  event: string;
  data: string;
}

/** Follows the log from a line on, until its end. */
async function* follow(build: number, from: number): AsyncGenerator<Event> {
  const url = `${await apiURL()}/api_3/build-chroot/log/stream?build_id=${build}&chrootname=${C1}&offset=${from}`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(240_000) });
  expect(answer.status).toBe(200);
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of answer.body ?? []) {
    rest += decoder.decode(chunk, { stream: true });
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const lines = rest.slice(0, end).split('\n');
      rest = rest.slice(end + 2);
      const field = (name: string): string | undefined =>
        lines
          .find((line) => line.startsWith(`${name}:`))
          ?.slice(name.length + 1)
          .replace(/^ /, '');
      const data = field('data');
      if (data === undefined) continue;
      const id = field('id');
      yield { id: id === undefined ? undefined : Number(id), event: field('event') ?? 'message', data };
    }
  }
}

/** All lines that were sent, which must be numbered without a gap; `watch` sees each as it comes. */
async function linesOf(build: number, from: number, watch: (line: string) => Promise<void> | void): Promise<string[]> {
  const lines: string[] = [];
  for await (const { id, event, data } of follow(build, from)) {
    if (event === 'end') return lines;
    expect(event).toBe('message');
    expect(id).toBe(from + lines.length);
    lines.push(data);
    await watch(data);
  }
  throw new Error('the stream ended without saying that the log is over');
}

async function stored(build: number): Promise<string[]> {
  const text = await results(`results/${OWNER}/logs/${C1}/${String(build).padStart(8, '0')}-slow/builder-live.log`);
  return text.replace(/\n$/, '').split('\n');
}

async function submit(): Promise<number> {
  const said = await heidi.ok('build', 'logs', 'http://files.example/slow-1.0-1.src.rpm', '--nowait');
  const [id = 0] = createdBuilds(said);
  await untilState(id, ['running', 'starting', 'importing', 'succeeded']);
  // There is a log to follow as soon as the chroot has begun.
  for (;;) {
    const { status, body } = await api('GET', `/build-chroot?build_id=${id}&chrootname=${C1}`);
    if (status === 200 && ['running', 'starting'].includes(String(body.state))) return id;
    expect(['failed', 'canceled']).not.toContain((await api('GET', `/build/${id}`)).body.state);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

beforeAll(async () => {
  heidi = await coprUser(OWNER);
  await deleteProjects(OWNER);
  await heidi.ok('create', 'logs', '--chroot', C1);
});

afterAll(async () => {
  await kubectl('-n', RELEASE_NAMESPACE, 'scale', 'deployment/kopr-redis', '--replicas=1');
  await deleteProjects(OWNER);
  await removeScratch();
});

describe('the log of a running build', () => {
  it('is followed from its first line to its last, and can be taken up anywhere', async () => {
    const id = await submit();
    const times: number[] = [];
    const lines = await linesOf(id, 0, (line) => {
      if (line.startsWith('still building')) times.push(performance.now());
    });
    expect(await untilState(id, ENDED)).toBe('succeeded');
    expect(lines).toEqual(await stored(id));
    // Lines came as they were written, one a second, and not all at the end.
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(10_000);
    expect(await linesOf(id, 5, () => undefined)).toEqual(lines.slice(5));
  });

  it('is whole although Redis goes away in the middle', async () => {
    const id = await submit();
    let gone = false;
    const lines = await linesOf(id, 0, async (line) => {
      if (gone || !line.startsWith('still building: second 5')) return;
      gone = true;
      await kubectl('-n', RELEASE_NAMESPACE, 'scale', 'deployment/kopr-redis', '--replicas=0');
    });
    expect(gone).toBe(true);
    expect(await untilState(id, ENDED)).toBe('succeeded');
    expect(lines).toEqual(await stored(id));
    expect(lines.filter((line) => line.startsWith('still building'))).toHaveLength(20);
  });
});
