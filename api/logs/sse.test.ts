import { describe, expect, it } from 'vitest';
import { FakeClock, settle } from '../../lib/testing/fakeClock.ts';
import { withHeartbeat } from './heartbeat.ts';
import { endFrame, heartbeat, lineAfter, lineFrame, restartFrame } from './sse.ts';

/** Events as a browser understands them: fields of lines that end in \n, \r\n or \r. */
function parse(stream: string): { id: string; event: string; data: string }[] {
  const events: { id: string; event: string; data: string }[] = [];
  let id = '';
  let event = '';
  let data: string[] = [];
  for (const line of stream.split(/\r\n|\n|\r/)) {
    if (line === '') {
      if (data.length > 0) events.push({ id, event: event || 'message', data: data.join('\n') });
      event = '';
      data = [];
      continue;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'id') id = value;
    if (field === 'event') event = value;
    if (field === 'data') data.push(value);
  }
  return events;
}

describe('an event', () => {
  it.each([
    ['plain', 'plain'],
    ['', ''],
    ['  : id: 7', '  : id: 7'],
    ['10%\r50%\r\r100%', '10%\n50%\n\n100%'],
    ['\u001b[31mä€𝄞\u001b[0m', '\u001b[31mä€𝄞\u001b[0m'],
  ])('of the line %j has the data %j, and cannot pretend to be another one', (line, data) => {
    expect(parse(lineFrame(4, line))).toEqual([{ id: '4', event: 'message', data }]);
  });

  it('at the end tells how many lines there were, a restart forgets the last id, a heartbeat is nothing', () => {
    expect(parse(lineFrame(0, 'x') + heartbeat() + restartFrame() + lineFrame(0, 'y') + endFrame(1))).toEqual([
      { id: '0', event: 'message', data: 'x' },
      { id: '', event: 'restart', data: '0' },
      { id: '0', event: 'message', data: 'y' },
      { id: '0', event: 'end', data: '1' },
    ]);
  });
});

describe('the last id of a client', () => {
  it.each([
    ['0', 1],
    ['41', 42],
    [undefined, undefined],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['9'.repeat(13), undefined],
    ['x', undefined],
  ])('%j lets it go on at line %j', (id, line) => {
    expect(lineAfter(id)).toBe(line);
  });
});

describe('a silent stream', () => {
  it('has a heartbeat every 15 s, and loses nothing by it', async () => {
    const clock = new FakeClock();
    async function* frames(): AsyncGenerator<string> {
      yield 'one';
      await clock.sleep(40_000);
      yield 'two';
    }
    const got: [number, string][] = [];
    const done = (async () => {
      for await (const frame of withHeartbeat(frames(), clock, 15_000)) got.push([clock.monotonic(), frame]);
    })();
    await clock.advance(60_000);
    await done;
    expect(got).toEqual([
      [0, 'one'],
      [15_000, heartbeat()],
      [30_000, heartbeat()],
      [40_000, 'two'],
    ]);
    expect(clock.sleeping).toBe(0);
  });

  it('is told when nobody reads any more', async () => {
    const clock = new FakeClock();
    let closed = false;
    async function* frames(): AsyncGenerator<string> {
      try {
        for (;;) {
          await clock.sleep(1_000);
          yield 'x';
        }
      } finally {
        closed = true;
      }
    }
    const stream = withHeartbeat(frames(), clock, 15_000);
    const first = stream.next();
    await clock.advance(1_000);
    expect(await first).toEqual({ done: false, value: 'x' });
    await stream.return(undefined);
    await settle();
    expect(closed).toBe(true);
  });
});
