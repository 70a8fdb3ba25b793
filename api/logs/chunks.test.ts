import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import { type Chunk, ChunkQueue } from './chunks.ts';

function chunk(offset: number, bytes: number): Chunk {
  return { task: 'task.1', offset, data: Buffer.alloc(bytes) };
}

describe('pieces that wait for a reader', () => {
  it('come in their order', () => {
    const queue = new ChunkQueue();
    for (const offset of [0, 1, 2]) queue.put(chunk(offset, 1));
    expect([queue.take(), queue.take(), queue.take(), queue.take()].map((each) => each?.offset)).toEqual([
      0,
      1,
      2,
      undefined,
    ]);
    expect(queue.bytes).toBe(0);
  });

  it('never take more than a MiB, however slow the reader is', () => {
    const queue = new ChunkQueue();
    for (let n = 0; n < 1000; n++) {
      queue.put(chunk(n * 65_536, 65_536));
      expect(queue.bytes).toBeLessThanOrEqual(1024 * 1024);
    }
    expect(queue.take()?.offset).toBeGreaterThan(0);
  });

  it('wake their reader, who otherwise sleeps as long as wanted, or until it is gone', async () => {
    const clock = new FakeClock();
    const queue = new ChunkQueue();
    const sleep = (signal: AbortSignal): Promise<void> => clock.sleep(1_000, signal);
    const woken = queue.wait(sleep, new AbortController().signal);
    queue.put(chunk(0, 1));
    await woken;
    expect(clock.monotonic()).toBe(0);
    await queue.wait(sleep, new AbortController().signal);
    queue.take();
    const slept = queue.wait(sleep, new AbortController().signal);
    await clock.advance(1_000);
    await slept;
    const abort = new AbortController();
    const gone = queue.wait(sleep, abort.signal);
    abort.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    expect(clock.sleeping).toBe(0);
  });
});
