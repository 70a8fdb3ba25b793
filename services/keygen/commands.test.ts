import { describe, expect, it } from 'vitest';
import { encodeList } from '../../lib/signd/framing.ts';
import { encodeResult, RefusedError, readCommand } from './commands.ts';

const user = '@grp#proj@copr.example.org';
const digest = `${'ab'.repeat(32)}@0065a00000`;
const buffers = (...args: string[]): Buffer[] => args.map((arg) => Buffer.from(arg));

describe('signd commands', () => {
  it.each([
    ['the old ping', { form: 'ping' }, { name: 'ping' }],
    ['the new ping', { form: 'new', args: buffers('ping') }, { name: 'ping' }],
    ['old pubkey', { form: 'old', user: Buffer.from(user), argument: Buffer.from('PUBKEY') }, { name: 'pubkey', user }],
    [
      'old pubkey with hash',
      { form: 'old', user: Buffer.from(user), argument: Buffer.from('SHA256:PUBKEY') },
      { name: 'pubkey', user },
    ],
    ['new pubkey', { form: 'new', args: buffers('pubkey', `SHA256:${user}`) }, { name: 'pubkey', user }],
  ] as const)('%s is read', (_name, request, expected) => {
    expect(readCommand(request as Parameters<typeof readCommand>[0])).toEqual(expected);
  });

  it('read the hash from the argument in the old form and from the user in the new form', () => {
    const old = readCommand({ form: 'old', user: Buffer.from(user), argument: Buffer.from(`SHA256:${digest}`) });
    const current = readCommand({ form: 'new', args: buffers('sign', `SHA256:${user}`, digest) });
    expect(old).toEqual(current);
    expect(current).toEqual({
      name: 'sign',
      user,
      hash: 'SHA256',
      digests: [{ digest: Buffer.alloc(32, 0xab), time: 0x65a00000, signatureClass: 0 }],
    });
  });

  it('take SHA1 when no hash is named', () => {
    const command = readCommand({ form: 'new', args: buffers('sign', user, `${'cd'.repeat(20)}@0100000001`) });
    expect(command).toMatchObject({ hash: 'SHA1', digests: [{ signatureClass: 1, time: 1 }] });
  });

  it.each([
    ['an unknown command', buffers('format', user), 'unknown command: format'],
    ['a name of Object', buffers('constructor', user), 'unknown command: constructor'],
    ['keygen', buffers('keygen', user, 'rsa@4096', '800', 'name', 'me@x.org'), 'the command keygen is not offered'],
    ['privsign', buffers('privsign', user, 'aa', digest), 'the command privsign is not offered'],
    ['no arguments at all', [], 'unknown command: '],
    ['a slash in the user', buffers('pubkey', 'a/b#c@d'), 'illegal user a/b#c@d'],
    ['a user that starts with a dot', buffers('pubkey', '..'), 'illegal user ..'],
    ['no user', buffers('pubkey'), 'no user given'],
    ['a control character', buffers('pubkey', 'a\u0007'), 'malformed argument'],
    ['bytes that are not UTF-8', [Buffer.from('pubkey'), Buffer.from('ff', 'hex')], 'malformed argument'],
    ['an unknown hash', buffers('sign', `MD5:${user}`, digest), 'unknown hash algorithm'],
    ['no digest', buffers('sign', user), 'nothing to sign'],
    ['a digest of another hash', buffers('sign', `SHA512:${user}`, digest), 'expected <SHA512 digest in hex>'],
    [
      'a certification class',
      buffers('sign', `SHA256:${user}`, `${'ab'.repeat(32)}@1365a00000`),
      'signature class must be',
    ],
    [
      'too many digests',
      buffers('sign', `SHA256:${user}`, ...Array<string>(101).fill(digest)),
      'too many digests: 101',
    ],
    ['a surplus argument', buffers('pubkey', user, 'more'), 'pubkey takes no arguments'],
  ])('refuse %s', (_name, args, message) => {
    const read = (): unknown => readCommand({ form: 'new', args });
    expect(read).toThrow(RefusedError);
    expect(read).toThrow(message);
  });

  it('answer the old form with the bare blob and the new form with a list', () => {
    const blob = Buffer.from('blob');
    expect(encodeResult('old', [blob])).toEqual(blob);
    expect(encodeResult('new', [blob])).toEqual(encodeList([blob]));
    expect(encodeResult('ping', []).length).toBe(0);
  });
});
