import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { ago, aTicket } from '../testing/objects.ts';
import { byAge } from './age.ts';
import type { Line } from './book.ts';
import { bookOf, TicketBook } from './book.ts';
import { aLoan } from './testing/worlds.ts';

const ticket = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    age: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
    closed: fc.constantFrom(false, false, false, true),
    deleted: fc.constantFrom(false, false, false, true),
    phase: fc.constantFrom(undefined, 'Waiting', 'Waiting', 'Assigned', 'Failed'),
    priority: fc.constantFrom(0, 1),
    tags: fc.constantFrom<string[]>([], ['big'], ['big', 'ssd'], ['ssd', 'big']),
  })
  .map(({ name, age, closed, deleted, phase, priority, tags }): BuilderTicket => {
    const status = phase === undefined ? undefined : { phase: phase as 'Waiting' };
    const stamp = age === undefined ? {} : { creationTimestamp: ago(age) };
    const gone = deleted ? { deletionTimestamp: ago(0) } : {};
    return aTicket(name, { closed, priority, tags }, status, { uid: `${name} ${age}`, ...stamp, ...gone });
  });

/** The lines, as text that does not depend on their order. */
function contents(book: TicketBook): unknown {
  const lines = [...book.lines()].map(({ priority, wish, tickets }: Line) => {
    return `${priority} ${wish.key}: ${tickets.map(({ metadata, status }) => `${metadata.uid} ${status?.phase}`).join()}`;
  });
  const assigned = [...book.assigned()].map(({ metadata }) => metadata.uid).sort();
  return { lines: lines.sort(), assigned, size: book.size };
}

describe('the book of tickets', () => {
  it('is the same whether it followed every change or was made of what is there now', () => {
    const step = fc.record({ ticket, remove: fc.constantFrom(false, false, true) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const there = new Map<string, BuilderTicket>();
        const book = new TicketBook();
        for (const { ticket: now, remove } of steps) {
          const key = now.metadata.uid ?? '';
          const old = there.get(key);
          book.update(old, remove ? undefined : now);
          if (remove) there.delete(key);
          else there.set(key, now);
          expect(contents(book)).toEqual(contents(bookOf(there.values())));
          for (const line of book.lines()) expect([...line.tickets].sort(byAge)).toEqual(line.tickets);
          const open = now.metadata.deletionTimestamp === undefined && !now.spec.closed && !remove;
          expect(book.get(key)).toBe(open ? now : undefined);
        }
      }),
    );
  });

  it('puts tickets that ask the same into one line, and others into others', () => {
    const book = bookOf([
      aTicket('a', { tags: ['x', 'y'] }),
      aTicket('b', { tags: ['y', 'x'] }),
      aTicket('c', { tags: ['y'] }),
      aTicket('d', { tags: ['y'], environment: 'pod' }),
      aTicket('e', { tags: ['y'], project: 'other', sandbox: 'demo/hello' }),
      aTicket('f', { tags: ['y'], environment: 'machine' }),
      aLoan('g', { tags: ['y'] }),
    ]);
    expect([...book.lines()].map(({ tickets }) => tickets.length)).toEqual([2, 1, 1, 1, 1, 1]);
    expect(book.lineOf(aTicket('b', { tags: ['y', 'x'] }))?.tickets).toHaveLength(2);
  });
});
