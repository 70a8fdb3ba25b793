import { describe, expect, it } from 'vitest';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { call, calls } from './testing/client.ts';
import { PASSWORD, ready, UNKNOWN, useRig, WAITS } from './testing/rig.ts';
import type { World } from './testing/world.ts';
import { CLOSED_AT } from './ticket.ts';

let world: World;
let url = '';

useRig((rig) => {
  ({ world } = rig);
  ({ url } = rig.first);
});

const take = async (...parameters: unknown[]): Promise<number> => Number(await call(url, 'takeTicket', ...parameters));
const collect = (number: number): Promise<unknown> => call(url, 'collectTicket', number);

describe('takeTicket', () => {
  it('gives a number, and makes a BuilderTicket that wants a machine', async () => {
    const number = await take(['copr_builder', 'arch_x86_64'], 'alice/hello--alice');
    expect(await world.ticket(number)).toMatchObject({
      metadata: { name: `resalloc-${number}` },
      spec: {
        owner: 'resalloc',
        environment: 'machine',
        sandbox: 'resalloc:alice/hello--alice',
        architecture: 'x86_64',
        tags: ['copr_builder', 'arch_x86_64'],
        closed: false,
      },
    });
  });

  it('takes no tags for an empty list', async () => {
    expect((await world.ticket(await take(null)))?.spec).toMatchObject({ tags: [], architecture: 'noarch' });
  });

  it('gives a ticket without a sandbox one of its own, so that its machine is never used again', async () => {
    const tickets = await Promise.all([world.ticket(await take(['a'])), world.ticket(await take(['a'], null))]);
    const sandboxes = tickets.map((ticket) => ticket?.spec.sandbox);
    for (const sandbox of sandboxes) expect(sandbox).toMatch(/^resalloc:[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(new Set(sandboxes).size).toBe(2);
  });

  it('refuses what no pool could ever offer, with a sentence', async () => {
    expect(await calls(url, ['takeTicket', ['a b']], ['takeTicket', 'copr_builder'])).toEqual([
      { fault: [-32602, expect.stringContaining('the tag "a b" is not possible: must be a tag: letters, digits')] },
      { fault: [-32602, 'the tags must be a list of strings'] },
    ]);
  });
});

describe('collectTicket', () => {
  it('tells of a ticket that nobody has by its ready alone: it is nothing, not False', async () => {
    expect(await collect(UNKNOWN)).toEqual({ ready: null, output: null, closed: false, failed: false });
  });

  it('tells that a ticket waits', async () => {
    expect(await collect(await take(['a']))).toEqual(WAITS);
  });

  it('gives the output of the hook as Binary once there is a machine', async () => {
    const number = await take(['a']);
    await world.assign(number, '---\nhost: 192.0.2.7\n');
    expect(await collect(number)).toEqual({ ...WAITS, ready: true, output: { binary: '---\nhost: 192.0.2.7\n' } });
  });

  it('still says ready, with the output, when the machine is lost', async () => {
    const number = await take(['a']);
    await world.assign(number);
    await world.fail(number);
    expect(await collect(number)).toEqual({ ...ready(number), failed: true });
  });

  it('still says ready, with the output, when the ticket is closed', async () => {
    const number = await take(['a']);
    await world.assign(number);
    await call(url, 'closeTicket', number);
    expect(await collect(number)).toEqual({ ...ready(number), closed: true });
    await world.finish(number);
    expect(await collect(number)).toEqual({ ...ready(number), closed: true });
  });

  it('knows a closed ticket no more when that has been forgotten', async () => {
    const number = await take(['a']);
    await call(url, 'closeTicket', number);
    await world.client.delete(BuilderTickets, `${world.namespace}/resalloc-${number}`);
    expect(await collect(number)).toMatchObject({ ready: null, closed: false });
    expect(await call(url, 'closeTicket', number)).toBeNull();
  });
});

describe('closeTicket', () => {
  it('closes the ticket and notes when', async () => {
    const number = await take(['a']);
    expect(await call(url, 'closeTicket', number)).toBeNull();
    const { metadata, spec } = (await world.ticket(number)) ?? {};
    expect(spec?.closed).toBe(true);
    expect(metadata?.annotations?.[CLOSED_AT]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it('may be repeated', async () => {
    const number = await take(['a']);
    expect(await calls(url, ['closeTicket', number], ['closeTicket', number])).toEqual([
      { value: null },
      { value: null },
    ]);
  });

  it('succeeds for a ticket that nobody has: clients would repeat it for ever', async () => {
    expect(await call(url, 'closeTicket', UNKNOWN)).toBeNull();
    expect(await call(url, 'closeTicket', -1)).toBeNull();
  });

  it('closes a ticket that has failed', async () => {
    const number = await take(['a']);
    await world.assign(number);
    await world.fail(number);
    await call(url, 'closeTicket', number);
    expect(await collect(number)).toEqual({ ...ready(number), closed: true });
  });
});

it('the methods can be listed', async () => {
  expect(await call(url, 'system.listMethods')).toEqual([
    'closeTicket',
    'collectTicket',
    'system.listMethods',
    'takeTicket',
    'waitTicket',
  ]);
});

it('a wrong password gets nowhere', async () => {
  expect(await calls(url.replace(PASSWORD, 'wrong-password-here'), ['takeTicket', ['a']])).toEqual([{ status: 401 }]);
});
