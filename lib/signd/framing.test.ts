import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeList,
  decodeReply,
  decodeRequest,
  encodeList,
  encodeNewRequest,
  encodeOldRequest,
  encodePing,
  encodeReply,
  FramingError,
  requestLength,
} from './framing.ts';
import { formatDigest, isProbe, parseDigest, probeDigest, splitHash, withHash } from './message.ts';

const user = '@grp#proj@copr.example.org';
const hex = (text: string): string => Buffer.from(text).toString('hex');
const digest = 'ab'.repeat(32);
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

describe('requests of the real client', () => {
  it.each([
    ['old ping', '00000000', { form: 'ping' }],
    [
      'pubkey, SHA1',
      `001a0006${hex(user)}${hex('PUBKEY')}`,
      { form: 'old', user: Buffer.from(user), argument: Buffer.from('PUBKEY') },
    ],
    [
      'pubkey, SHA256',
      `001a000d${hex(user)}${hex('SHA256:PUBKEY')}`,
      { form: 'old', user: Buffer.from(user), argument: Buffer.from('SHA256:PUBKEY') },
    ],
    [
      'sign, SHA256',
      `001a0052${hex(user)}${hex(`SHA256:${digest}@0065a00000`)}`,
      { form: 'old', user: Buffer.from(user), argument: Buffer.from(`SHA256:${digest}@0065a00000`) },
    ],
    [
      'rpm with two digests',
      `00c500000004000400210 04b004b${hex('sign')}${hex(`SHA256:${user}`)}${hex(`${digest}@0065a00000`).repeat(2)}`.replaceAll(
        ' ',
        '',
      ),
      {
        form: 'new',
        args: ['sign', `SHA256:${user}`, `${digest}@0065a00000`, `${digest}@0065a00000`].map((arg) => Buffer.from(arg)),
      },
    ],
    [
      'old form without user',
      `00000006${hex('PUBKEY')}`,
      { form: 'old', user: Buffer.alloc(0), argument: Buffer.from('PUBKEY') },
    ],
  ])('%s is understood', (_name, wire, expected) => {
    expect(decodeRequest(Buffer.from(wire, 'hex'))).toEqual(expected);
  });

  it('are what this client writes, byte for byte', () => {
    expect(encodePing().toString('hex')).toBe('00000000');
    expect(encodeOldRequest(Buffer.from(user), Buffer.from('PUBKEY')).toString('hex')).toBe(
      `001a0006${hex(user)}${hex('PUBKEY')}`,
    );
    const time = { digest: Buffer.from(digest, 'hex'), time: 0x65a00000 };
    const args = ['sign', withHash('SHA256', user), formatDigest(time), formatDigest(time)];
    const request = encodeNewRequest(args.map((arg) => Buffer.from(arg)));
    expect(request.subarray(0, 14).toString('hex')).toBe('00c500000004000400210' + '04b004b');
    expect(request.length).toBe(4 + 0xc5);
  });
});

describe('replies', () => {
  it('of the real server are understood', () => {
    expect(decodeReply(Buffer.from('000000000000', 'hex'))).toEqual({ status: 0, out: Buffer.alloc(0), err: '' });
    const message = 'unknown key: nobody#x@copr.example.org\n';
    expect(decodeReply(Buffer.from(`000100000027${hex(message)}`, 'hex'))).toEqual({
      status: 1,
      out: Buffer.alloc(0),
      err: message,
    });
  });

  it.each([
    ['', 'empty reply from server'],
    ['0000', 'packet too small'],
    ['00000001000001ff', 'packet size mismatch'],
    ['000000020000aa', 'packet size mismatch'],
  ])('%j is refused: %s', (wire, message) => {
    expect(() => decodeReply(Buffer.from(wire, 'hex'))).toThrow(message);
  });

  it('come back as they were written', () => {
    const reply = fc.record({
      status: fc.nat(0xffff),
      out: bytes,
      err: fc.string({ maxLength: 100, unit: 'grapheme' }),
    });
    fc.assert(
      fc.property(reply, (each) => {
        expect(decodeReply(encodeReply(each))).toEqual(each);
      }),
    );
  });
});

describe('framing', () => {
  it('keeps every argument of a new request', () => {
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 0, maxLength: 20 }), (args) => {
        const wire = encodeNewRequest(args);
        expect(requestLength(wire)).toBe(wire.length);
        expect(decodeRequest(wire)).toEqual({ form: 'new', args });
        expect(decodeList(encodeList(args))).toEqual(args);
      }),
    );
  });

  it('keeps user and argument of an old request', () => {
    fc.assert(
      fc.property(bytes, fc.uint8Array({ minLength: 1, maxLength: 300 }), (name, argument) => {
        const wire = encodeOldRequest(name, Buffer.from(argument));
        expect(decodeRequest(wire)).toEqual({ form: 'old', user: name, argument: Buffer.from(argument) });
      }),
    );
  });

  it('refuses whatever is not exactly one request, and throws nothing but FramingError', () => {
    const random = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
    const announced = random.map((rest) => Buffer.concat([Buffer.from([0, rest.length, 0, 0]), rest]));
    fc.assert(
      fc.property(fc.oneof(random, announced), (wire) => {
        try {
          const request = decodeRequest(wire);
          if (request.form === 'new') expect(encodeNewRequest(request.args)).toEqual(wire);
          if (request.form === 'old') expect(encodeOldRequest(request.user, request.argument)).toEqual(wire);
          if (request.form === 'ping') expect(wire).toEqual(encodePing());
        } catch (error) {
          expect(error).toBeInstanceOf(FramingError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses fields that do not fit 16 bits', () => {
    expect(() => encodeOldRequest(Buffer.alloc(65_536), Buffer.from('x'))).toThrow('packet too big');
    expect(() => encodeNewRequest([Buffer.alloc(40_000), Buffer.alloc(40_000)])).toThrow('packet too big');
    expect(() => encodeReply({ status: 0, out: Buffer.alloc(65_536), err: '' })).toThrow('packet too big');
  });
});

describe('arguments', () => {
  it('carry the hash as prefix, except SHA1', () => {
    expect(withHash('SHA1', user)).toBe(user);
    expect(splitHash(`SHA512:${user}`)).toEqual({ hash: 'SHA512', rest: user });
    expect(splitHash(user)).toEqual({ hash: 'SHA1', rest: user });
    expect(splitHash('MD5:x')).toEqual({ hash: undefined, rest: 'x' });
  });

  it('give back digest, class and time', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.nat(0xffffffff),
        fc.nat(255),
        (value, time, signatureClass) => {
          const request = { digest: Buffer.from(value), time, signatureClass };
          expect(parseDigest('SHA256', formatDigest(request))).toEqual(request);
        },
      ),
    );
  });

  it.each([
    ['a short digest', 'abcd@0000000000'],
    ['a SHA1 digest for SHA256', `${'ab'.repeat(20)}@0000000000`],
    ['no time', digest],
    ['a short time', `${digest}@000000`],
    ['letters', `${'zz'.repeat(32)}@0000000000`],
    ['bytes after the time', `${digest}@0000000000 `],
  ])('with %s are refused', (_name, argument) => {
    expect(parseDigest('SHA256', argument)).toBeUndefined();
  });

  it('recognise the probe', () => {
    const probe = parseDigest('SHA1', formatDigest(probeDigest('SHA1')));
    expect(formatDigest(probeDigest('SHA1'))).toBe(`${'04'.repeat(20)}@0000000000`);
    expect(probe !== undefined && isProbe(probe)).toBe(true);
    expect(isProbe({ digest: Buffer.alloc(32, 4), time: 1, signatureClass: 0 })).toBe(false);
  });
});
