import { beforeEach, describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { ObjectStore } from '../../operator/store.ts';
import { quietLog } from '../../operator/testing/harness.ts';
import { ASSIGNED, aTicket } from './testing/objects.ts';
import type { Waiters } from './waiters.ts';
import { createWaiters } from './waiters.ts';

let tickets: ObjectStore<BuilderTicket>;
let waiters: Waiters;
let version = 0;
const HOST = Buffer.from('host\n');

beforeEach(() => {
  tickets = new ObjectStore(quietLog);
  waiters = createWaiters(tickets, 'builds', 2);
});

function show(number: number, status: NonNullable<BuilderTicket['status']>, closed = false): void {
  const ticket = aTicket(number, status, closed);
  version += 1;
  tickets.upsert({ ...ticket, metadata: { ...ticket.metadata, uid: `u${number}`, resourceVersion: String(version) } });
}

const forEver = new AbortController().signal;

/** What has become of a wait by now: all that can happen at once has happened. */
async function state(wait: Promise<Buffer>): Promise<string> {
  const pending = new Promise<string>((resolve) => setImmediate(resolve, 'waits'));
  return Promise.race([wait.then((output) => output.toString()), pending]);
}

describe('a client that waits', () => {
  it('hears at once of a machine that is there', async () => {
    show(1, ASSIGNED);
    expect(await waiters.wait(1, forEver)).toEqual(HOST);
    expect(waiters.count).toBe(0);
  });

  it('hears of a machine that comes, and others of theirs', async () => {
    const [one, two] = [waiters.wait(1, forEver), waiters.wait(2, forEver)];
    show(1, { phase: 'Waiting' });
    show(2, ASSIGNED);
    expect([await state(one), await state(two)]).toEqual(['waits', 'host\n']);
    show(1, ASSIGNED);
    expect(await state(one)).toBe('host\n');
    expect(waiters.count).toBe(0);
  });

  it('may be one of several for the same ticket', async () => {
    const both = [waiters.wait(1, forEver), waiters.wait(1, forEver)];
    show(1, ASSIGNED);
    expect(await Promise.all(both)).toEqual([HOST, HOST]);
  });

  it.each<[string, () => void]>([
    ['unknown', () => undefined],
    ['failed', () => show(1, { ...ASSIGNED, phase: 'Failed' })],
    ['closed', () => show(1, { ...ASSIGNED, phase: 'Closed' }, true)],
    ['closed and not yet looked at', () => show(1, ASSIGNED, true)],
  ])('hears nothing of a ticket that is %s', async (_, change) => {
    const [before, gone] = [waiters.wait(1, forEver), new AbortController()];
    change();
    const after = waiters.wait(1, gone.signal);
    expect([await state(before), await state(after)]).toEqual(['waits', 'waits']);
    gone.abort(new Error('left'));
    await expect(after).rejects.toThrow('left');
    expect(waiters.count).toBe(1);
  });

  it('is refused with a sentence when enough others wait, and not when one of them has left', async () => {
    const leaves = new AbortController();
    const first = waiters.wait(1, leaves.signal);
    void waiters.wait(2, forEver);
    await expect(waiters.wait(3, forEver)).rejects.toThrow('2 clients wait for tickets already');
    leaves.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    show(3, ASSIGNED);
    expect(await waiters.wait(3, forEver)).toEqual(HOST);
  });

  it('is not counted when it has left already', async () => {
    await expect(waiters.wait(1, AbortSignal.abort(new Error('left')))).rejects.toThrow('left');
    expect(waiters.count).toBe(0);
  });

  it('is told when the service ends, and so is who comes later', async () => {
    const wait = waiters.wait(1, forEver);
    waiters.stop(new Error('stopping'));
    await expect(wait).rejects.toThrow('stopping');
    await expect(waiters.wait(1, forEver)).rejects.toThrow('stopping');
    expect(waiters.count).toBe(0);
  });
});
