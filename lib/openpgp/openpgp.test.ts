import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { enums, unarmor } from 'openpgp';
import { describe, expect, it } from 'vitest';
import { armor, dearmor } from './armor.ts';
import { hashes, hashNameOf, hashNames } from './hash.ts';
import { fingerprintOf, hashablePublicKey, readCertificate, rsaPublicKeyBody } from './key.ts';
import { decodeMpis, decodePackets, encodeMpi, encodePacket, MalformedPacketError, packetTag } from './packet.ts';
import {
  decodeSubpackets,
  decodeV3Signature,
  decodeV4Signature,
  encodeV3Signature,
  encodeV4Signature,
  hashedArea,
  keyIdOf,
  transcodeToV4,
  unhashedArea,
  v4Trailer,
} from './signature.ts';

const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
const number = fc.integer({ min: 1, max: 512 }).chain((length) => bytes(length));
const fingerprint = Buffer.from('0102030405060708090a0b0c0d0e0f1011121314', 'hex');

describe('packets', () => {
  it('come back as they were written, in order', () => {
    const packet = fc.record({ tag: fc.integer({ min: 1, max: 15 }), body: bytes(0, 700), wide: fc.boolean() });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 5 }), (packets) => {
        const data = Buffer.concat(packets.map(({ tag, body, wide }) => encodePacket(tag, body, wide)));
        expect(decodePackets(data)).toEqual(packets.map(({ tag, body }) => ({ tag, body })));
      }),
    );
  });

  it.each([
    ['one length byte', 'c205', 5],
    ['two length bytes', 'c2c000', 192],
    ['five length bytes', 'c2ff00000003', 3],
  ])('with a new-format header of %s are read', (_name, header, length) => {
    const body = Buffer.alloc(length, 7);
    expect(decodePackets(Buffer.concat([Buffer.from(header, 'hex'), body]))).toEqual([{ tag: 2, body }]);
  });

  it('that are damaged throw MalformedPacketError and nothing else', () => {
    fc.assert(
      fc.property(bytes(0, 60), (data) => {
        for (const read of [
          decodePackets,
          decodeMpis,
          decodeSubpackets,
          decodeV3Signature,
          decodeV4Signature,
          readCertificate,
        ]) {
          try {
            read(data);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedPacketError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('refuse lengths that would swallow what follows', () => {
    for (const hex of ['8b00', 'c2e1', '88', '8805aa', 'c2ff0000', '0000']) {
      expect(() => decodePackets(Buffer.from(hex, 'hex')), hex).toThrow(MalformedPacketError);
    }
  });
});

describe('multi-precision integers', () => {
  it('lose their leading zeros and nothing else', () => {
    fc.assert(
      fc.property(number, (value) => {
        const [decoded = Buffer.alloc(0)] = decodeMpis(encodeMpi(value));
        expect(BigInt(`0x${decoded.toString('hex') || '0'}`)).toBe(BigInt(`0x${value.toString('hex')}`));
        expect(decoded[0]).not.toBe(0);
      }),
    );
  });

  it('carry the exact number of bits', () => {
    expect(encodeMpi(Buffer.from('0001ff', 'hex')).toString('hex')).toBe('000901ff');
    expect(encodeMpi(Buffer.from('80', 'hex')).toString('hex')).toBe('000880');
    expect(encodeMpi(Buffer.alloc(3)).toString('hex')).toBe('0000');
  });
});

describe('armor', () => {
  it('comes back as it was written, also through OpenPGP.js', async () => {
    await fc.assert(
      fc.asyncProperty(bytes(1, 300), async (data) => {
        const text = armor('SIGNATURE', data);
        expect(dearmor('SIGNATURE', text)).toEqual(data);
        const other = await unarmor(text);
        expect(other.type).toBe(enums.armor.signature);
        expect(Buffer.from(other.data as unknown as Uint8Array)).toEqual(data);
      }),
      { numRuns: 30 },
    );
  });

  it('with more than one block, another type or a flipped bit is refused', () => {
    const text = armor('PUBLIC KEY BLOCK', Buffer.from('some data'));
    expect(() => dearmor('PUBLIC KEY BLOCK', text + text)).toThrow('found 2');
    expect(() => dearmor('SIGNATURE', text)).toThrow(MalformedPacketError);
    expect(() => dearmor('PUBLIC KEY BLOCK', text.replace('c29t', 'c29u'))).toThrow('checksum');
    expect(() => dearmor('PUBLIC KEY BLOCK', 'no armor')).toThrow('found 0');
  });

  it('of Windows lines with headers is read', () => {
    const text = armor('SIGNATURE', Buffer.from('data')).replace('\n\n', '\nVersion: 1\n\n').replaceAll('\n', '\r\n');
    expect(dearmor('SIGNATURE', text).toString()).toBe('data');
  });
});

describe('signature packets', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const mpis = encodeMpi(sign('sha256', Buffer.from('x'), privateKey));
  const v3 = {
    signatureClass: 0,
    time: 1_700_000_000,
    issuer: keyIdOf(fingerprint),
    publicKeyAlgorithm: 1,
    hashAlgorithm: hashes.SHA256.id,
    left16: Buffer.from('abcd', 'hex'),
    mpis,
  };

  it('of an RSA-2048 key have the sizes captured from signd when the number is full', () => {
    const full = Buffer.concat([Buffer.from('0800', 'hex'), Buffer.alloc(256, 0xff)]);
    const old = encodeV3Signature({ ...v3, mpis: full });
    expect(old.length).toBe(0x118);
    expect(old.subarray(0, 6).toString('hex')).toBe('890115030500');
    const probe = encodeV4Signature({
      ...v3,
      hashed: hashedArea(fingerprint, 0),
      unhashed: unhashedArea(fingerprint),
      mpis: full,
    });
    expect(probe.length).toBe(0x136);
  });

  it('in v3 form come back as they were written', () => {
    expect(decodeV3Signature(encodeV3Signature(v3))).toEqual(v3);
  });

  it('are transcoded with the hashed area that the client hashed', () => {
    const v4 = decodeV4Signature(transcodeToV4(v3, fingerprint));
    expect(v4.hashed.toString('hex')).toBe(`162104${fingerprint.toString('hex')}05026553f100`);
    expect(v4.unhashed.toString('hex')).toBe(`0910${keyIdOf(fingerprint).toString('hex')}`);
    expect(v4.mpis).toEqual(mpis);
    expect(decodeSubpackets(v4.hashed).map((each) => each.type)).toEqual([33, 2]);
  });

  it('have a 35-byte head and a trailer that gives its length', () => {
    const trailer = v4Trailer({ ...v3, hashed: hashedArea(fingerprint, v3.time) });
    expect(trailer.length).toBe(35 + 6);
    expect(trailer.subarray(35).toString('hex')).toBe('04ff00000023');
  });

  it('of another key are not transcoded', () => {
    expect(() => transcodeToV4({ ...v3, issuer: Buffer.alloc(8) }, fingerprint)).toThrow(
      'made by key 0000000000000000',
    );
  });

  it('are told apart from certificates', () => {
    const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
    const body = rsaPublicKeyBody(Buffer.from(n, 'base64url'), Buffer.from(e, 'base64url'), 1_700_000_000);
    const one = Buffer.concat([hashablePublicKey(body), encodePacket(packetTag.userId, Buffer.from('a <b@c>'))]);
    expect(readCertificate(one)).toEqual({
      fingerprint: fingerprintOf(body),
      publicKeyAlgorithm: 1,
      created: 1_700_000_000,
      userIds: ['a <b@c>'],
    });
    expect(() => readCertificate(Buffer.concat([one, one]))).toThrow('found 2');
    expect(() => decodeV4Signature(one)).toThrow(MalformedPacketError);
  });
});

describe('DigestInfo', () => {
  it.each(hashNames)('of %s makes node sign the digest as if it had hashed the data', async (name) => {
    const { constants, privateEncrypt } = await import('node:crypto');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const digest = createHash(hashes[name].node).update('data').digest();
    const info = Buffer.concat([hashes[name].digestInfoPrefix, digest]);
    const raw = privateEncrypt({ key: privateKey, padding: constants.RSA_PKCS1_PADDING }, info);
    expect(raw).toEqual(sign(hashes[name].node, Buffer.from('data'), privateKey));
    expect(hashNameOf(hashes[name].id)).toBe(name);
  });
});
