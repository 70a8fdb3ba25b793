import { describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { aTicket } from '../testing/objects.ts';
import { isNews } from './news.ts';
import type { News } from './world.ts';

const FULL = { reason: 'PoolFull', message: 'full' };

function told(position: number | undefined, more: Partial<BuilderTicket['status']> = {}): BuilderTicket {
  const place = position === undefined ? {} : { position };
  return aTicket('t', {}, { phase: 'Waiting', ...FULL, ...place, ...more });
}

function news(position: number | undefined, more: Partial<News> = {}): News {
  return { ...FULL, position, estimatedSeconds: 60, ...more };
}

describe('it is news for a waiting ticket', () => {
  it.each([
    { title: 'that nothing has changed', shown: 3, position: 3, is: false },
    { title: 'that it is the next one', shown: 1, position: 0, is: true },
    { title: 'that one more is before it', shown: 0, position: 1, is: true },
    { title: 'that half of those before it were served', shown: 80, position: 40, is: false },
    { title: 'that more than half of those before it were served', shown: 80, position: 39, is: true },
    { title: 'that half as many again are before it', shown: 60, position: 91, is: true },
    { title: 'that far behind three in four were served', shown: 4000, position: 1000, is: false },
    { title: 'that far behind more than three in four were served', shown: 4000, position: 999, is: true },
    { title: 'that far behind there are more than four times as many', shown: 1000, position: 4001, is: true },
    { title: 'that it has a place', shown: undefined, position: 99, is: true },
    { title: 'that it has none any more', shown: 99, position: undefined, is: true },
    { title: 'that it has none as before', shown: undefined, position: undefined, is: false },
  ])('$title: $is', ({ shown, position, is }) => {
    expect(isNews(told(shown), news(position))).toBe(is);
  });

  it.each([
    { title: 'was told nothing yet', ticket: aTicket('t') },
    { title: 'waited for another reason', ticket: told(5, { reason: 'NoPool' }) },
    { title: 'waited with other words', ticket: told(5, { message: 'x' }) },
    { title: 'was assigned by mistake', ticket: told(5, { phase: 'Assigned' }) },
  ])('what it waits for when it $title', ({ ticket }) => {
    expect(isNews(ticket, news(5))).toBe(true);
  });

  it.each([
    { title: 'a reason that passes', from: 'PoolPaused', position: 101, is: false },
    { title: 'a reason that passes, near the front', from: 'PoolPaused', position: 100, is: true },
    { title: 'a reason that stays', from: 'ProjectSuspended', position: 101, is: true },
  ])('that $title has become another one: $is', ({ from, position, is }) => {
    expect(isNews(told(position, { reason: from }), news(position))).toBe(is);
  });

  it('about ten times from place 10,000 to the first', () => {
    let ticket = aTicket('t');
    let writes = 0;
    for (let position = 10_000; position >= 0; position--) {
      const reason = { reason: position % 2 === 0 || position < 50 ? 'PoolFull' : 'PoolPaused', message: 'x' };
      if (position >= 50 && position <= 100) reason.reason = 'PoolFull';
      const now = news(position, reason);
      if (!isNews(ticket, now)) continue;
      writes++;
      ticket = told(position, reason);
    }
    expect(writes).toBeLessThanOrEqual(12);
    expect(ticket.status?.position).toBe(0);
  });
});
