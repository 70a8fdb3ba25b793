import { describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { builderTicketSpec } from '../../crds/builderticket.ts';
import { Fault } from './fault.ts';
import { ASSIGNED, aTicket } from './testing/objects.ts';
import {
  architectureOf,
  collected,
  isOver,
  nameOf,
  numberOf,
  outputOf,
  ticketFor,
  ticketNumberOf,
  wishOf,
} from './ticket.ts';

describe('what a client asks for', () => {
  it.each<[string, Parameters<typeof wishOf>[0], ReturnType<typeof wishOf>]>([
    ['nothing', [], { tags: [], sandbox: undefined }],
    ['no tags', [null], { tags: [], sandbox: undefined }],
    ['tags', [['copr_builder', 'arch_x86_64']], { tags: ['copr_builder', 'arch_x86_64'], sandbox: undefined }],
    ['a sandbox', [['a'], 'alice/hello--alice'], { tags: ['a'], sandbox: 'alice/hello--alice' }],
    ['no sandbox', [['a'], null], { tags: ['a'], sandbox: undefined }],
    [
      'a sandbox without a name, which must not be one that all such clients share',
      [['a'], ''],
      { tags: ['a'], sandbox: undefined },
    ],
    ['one tag twice', [['a', 'b', 'a']], { tags: ['a', 'b'], sandbox: undefined }],
  ])('may be %s', (_, parameters, wish) => {
    expect(wishOf(parameters)).toEqual(wish);
  });

  it.each<[string, Parameters<typeof wishOf>[0], RegExp]>([
    ['tags that are no list', ['a'], /the tags must be a list of strings/],
    ['tags that are no strings', [[1]], /the tags must be a list of strings/],
    ['a tag with a space', [['a b']], /the tag "a b" is not possible: must be a tag: letters, digits/],
    ['a tag that is too long', [['a'.repeat(101)]], /the tag "a{80}…" is not possible/],
    ['too many tags', [Array.from({ length: 31 }, (_, n) => `t${n}`)], /31 tags are more than a ticket can ask for/],
    ['a sandbox that is a number', [[], 1], /the sandbox must be a string/],
    ['a sandbox that is too long', [[], 'a'.repeat(592)], /has 592 characters; 591 are possible/],
    ['a third parameter', [[], 'a', 1], /two parameters at most/],
  ])('is refused with a sentence: %s', (_, parameters, message) => {
    expect(() => wishOf(parameters)).toThrow(message);
    expect(() => wishOf(parameters)).toThrow(Fault);
  });

  it.each<[string, Parameters<typeof wishOf>[0]]>([
    ['is missing', []],
    ['is text', ['7']],
    ['is nothing', [null]],
    ['is not alone', [7, 8]],
  ])('is refused when the number of the ticket %s', (_, parameters) => {
    expect(() => ticketNumberOf('closeTicket', parameters)).toThrow(
      'closeTicket takes one parameter, the number of a ticket',
    );
  });
});

describe('the architecture of a ticket', () => {
  it.each<[string, string[], string]>([
    ['that of its tag', ['copr_builder', 'arch_x86_64'], 'x86_64'],
    ['the same for its own machines', ['arch_aarch64_native'], 'aarch64'],
    ['the same for emulated ones', ['arch_s390x_emulated', 'arch_s390x'], 's390x'],
    ['any without a tag', ['copr_builder'], 'noarch'],
    ['any for what runs everywhere', ['arch_noarch'], 'noarch'],
    ['that of the other tag beside noarch', ['arch_noarch', 'arch_ppc64le'], 'ppc64le'],
    ['left to the tags when there are several', ['arch_x86_64', 'arch_i386'], 'noarch'],
    ['left to the tags when it is too long', [`arch_${'x'.repeat(65)}`], 'noarch'],
  ])('is %s', (_, tags, architecture) => {
    expect(architectureOf(tags)).toBe(architecture);
  });
});

describe('the ticket', () => {
  it('asks for a machine with all the tags, in a sandbox of this service', () => {
    const wish = { tags: ['copr_builder', 'arch_x86_64'], sandbox: 'alice/hello' };
    expect(ticketFor(12, 'builds', wish, 'own')).toMatchObject({
      metadata: { name: 'resalloc-12', namespace: 'builds' },
      spec: {
        owner: 'resalloc',
        environment: 'machine',
        sandbox: 'resalloc:alice/hello',
        architecture: 'x86_64',
        tags: ['copr_builder', 'arch_x86_64'],
        closed: false,
      },
    });
  });

  it('has a sandbox of its own when none is given', () => {
    expect(ticketFor(1, 'builds', { tags: [], sandbox: undefined }, 'f81d').spec.sandbox).toBe('resalloc:f81d');
  });

  it('is one that the API server takes, however much is asked for', () => {
    const tags = Array.from({ length: 30 }, (_, n) => `arch_${n}`.padEnd(100, 'x'));
    const { spec } = ticketFor(2_147_483_647, 'builds', wishOf([tags, 's'.repeat(591)]), 'own');
    expect(builderTicketSpec.safeParse(spec).success).toBe(true);
  });

  it('has a number that XML-RPC can send', () => {
    expect(() => ticketFor(2_147_483_648, 'builds', { tags: [], sandbox: undefined }, 'own')).toThrow(Fault);
  });

  it('is known by its name', () => {
    expect(numberOf(nameOf(41))).toBe(41);
    for (const name of ['resalloc-0', 'resalloc-01', 'resalloc--1', 'resalloc-x', 'hello-1.source.1', 'resalloc-']) {
      expect(numberOf(name), name).toBeUndefined();
    }
  });
});

const NOTHING = { ready: false, output: null, closed: false, failed: false };
const HOST = { ready: true, output: Buffer.from('host\n'), closed: false, failed: false };

describe('what is told of a ticket', () => {
  it.each<[string, BuilderTicket | undefined, object]>([
    ['unknown', undefined, { ...NOTHING, ready: null }],
    ['that nobody has looked at', aTicket(7), NOTHING],
    ['that waits', aTicket(7, { phase: 'Waiting' }), NOTHING],
    ['that has its machine', aTicket(7, ASSIGNED), HOST],
    [
      'whose machine says nothing',
      aTicket(7, { ...ASSIGNED, output: undefined }),
      { ...HOST, output: Buffer.alloc(0) },
    ],
    ['whose machine is lost: still ready', aTicket(7, { ...ASSIGNED, phase: 'Failed' }), { ...HOST, failed: true }],
    ['closed a moment ago: still ready', aTicket(7, ASSIGNED, true), { ...HOST, closed: true }],
    ['closed: still ready', aTicket(7, { ...ASSIGNED, phase: 'Closed' }, true), { ...HOST, closed: true }],
    [
      'closed after it had failed: not failed',
      aTicket(7, { ...ASSIGNED, phase: 'Failed' }, true),
      { ...HOST, closed: true },
    ],
    ['closed before it had a machine', aTicket(7, { phase: 'Closed' }, true), { ...NOTHING, closed: true }],
  ])('one %s', (_, ticket, answer) => {
    expect(collected(ticket)).toEqual(answer);
  });

  it('ends all waiting when it has failed or is closed', () => {
    expect([
      isOver(aTicket(7, ASSIGNED)),
      isOver(aTicket(7, ASSIGNED, true)),
      isOver(aTicket(7, { phase: 'Failed' })),
    ]).toEqual([false, true, true]);
    expect(outputOf(aTicket(7))).toBeUndefined();
  });
});
