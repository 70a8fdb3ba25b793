import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PackageError } from './errors.ts';
import { fileNameOf } from './nevra.ts';
import { readPackage, verifyPackage } from './package.ts';
import { isSigned, signedSignatureHeader, writePackage } from './sign.ts';
import { signatureTag } from './tags.ts';
import { buildPackages } from './testing/build.ts';

const run = promisify(execFile);

let directory: string;
let paths: string[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kopr-rpm-'));
  paths = await buildPackages(join(directory, 'built'), {
    name: 'sample',
    epoch: 3,
    version: '1.2~rc1',
    release: '4.pb13',
    arch: 'x86_64',
    subpackages: ['doc'],
    fileBytes: 3_000_000,
  });
  paths.push(...(await buildPackages(join(directory, 'built'), { name: 'plain' })));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function query(path: string, format: string): Promise<string> {
  return (await run('rpm', ['-qp', '--nosignature', '--qf', format, path])).stdout;
}

describe('readPackage', () => {
  it('finds in every package what rpm finds in it', async () => {
    expect(paths).toHaveLength(5);
    for (const path of paths) {
      const head = await readPackage(path);
      const { nevra } = head;
      const expected = await query(path, '%{NAME} %{EPOCHNUM} %{VERSION} %{RELEASE} %{SOURCEPACKAGE}');
      expect(`${nevra.name} ${nevra.epoch} ${nevra.version} ${nevra.release} ${head.isSource ? '1' : '(none)'}`).toBe(
        expected,
      );
      expect(fileNameOf(nevra)).toBe(basename(path));
      expect(createHash('sha256').update(head.headerBytes).digest('hex')).toBe(await query(path, '%{SHA256HEADER}'));
      expect(isSigned(head)).toBe(false);
    }
  });

  it.each([
    ['nothing', () => Buffer.alloc(0), 'ends within its lead'],
    ['text', () => Buffer.from('<html>'.repeat(100)), 'is not an RPM package'],
    ['half a lead', (whole: Buffer) => whole.subarray(0, 50), 'ends within its lead'],
    ['half a signature header', (whole: Buffer) => whole.subarray(0, 200), 'ends within its signature header'],
    ['half a header', (whole: Buffer) => whole.subarray(0, 6000), 'ends within its header'],
  ])('refuses a file that holds %s', async (_what, make, message) => {
    const path = join(directory, 'broken.rpm');
    await writeFile(path, make(await readFile(paths[0] ?? '')));
    await expect(readPackage(path)).rejects.toThrow(message);
  });

  it('refuses a header that claims to be larger than any package has', async () => {
    const bytes = await readFile(paths[0] ?? '');
    bytes.writeUInt32BE(0x7fffffff, 96 + 12);
    const path = join(directory, 'huge.rpm');
    await writeFile(path, bytes);
    await expect(readPackage(path)).rejects.toThrow(/header of \d+ bytes; at most/);
  });
});

describe('verifyPackage', () => {
  it('accepts what rpmbuild made', async () => {
    for (const path of paths) {
      expect(await verifyPackage(path, await readPackage(path))).toEqual({ headerSha256: true, payloadSha256: true });
    }
  });

  it('refuses a package with a bit flipped, cut short or with bytes after its end', async () => {
    const whole = await readFile(paths[1] ?? '');
    const { headerStart, payloadStart } = await readPackage(paths[1] ?? '');
    const path = join(directory, 'damaged.rpm');
    const isRefused = async (bytes: Buffer): Promise<void> => {
      await writeFile(path, bytes);
      await expect(readPackage(path).then((head) => verifyPackage(path, head))).rejects.toThrow(PackageError);
    };
    await isRefused(whole.subarray(0, -1));
    await isRefused(Buffer.concat([whole, Buffer.from('x')]));
    const places = fc.sample(fc.integer({ min: headerStart, max: whole.length - 1 }), { numRuns: 60, seed: 11 });
    for (const at of [headerStart + 8, payloadStart, whole.length - 1, ...places]) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await isRefused(bytes);
    }
  });
});

describe('a signed package', () => {
  let keyring: string;
  let gnupg: string;

  beforeAll(async () => {
    gnupg = await mkdtemp(join(directory, 'gnupg-'));
    keyring = join(directory, 'rpmdb');
    await run('gpg', [
      '--homedir',
      gnupg,
      '--batch',
      '--passphrase',
      '',
      '--quick-gen-key',
      'a#b@copr.test',
      'rsa2048',
      'sign',
    ]);
    await run('gpg', [
      '--homedir',
      gnupg,
      '--batch',
      '--passphrase',
      '',
      '--quick-gen-key',
      'foreign',
      'rsa2048',
      'sign',
    ]);
    const { stdout } = await run('gpg', ['--homedir', gnupg, '--armor', '--export', 'a#b@copr.test']);
    await writeFile(join(directory, 'key.asc'), stdout);
    await run('rpm', ['--dbpath', keyring, '--initdb']);
    await run('rpmkeys', ['--dbpath', keyring, '--import', join(directory, 'key.asc')]);
  });

  afterAll(async () => {
    await run('gpgconf', ['--homedir', gnupg, '--kill', 'all']);
  });

  async function sign(path: string, target: string): Promise<void> {
    const head = await readPackage(path);
    const data = join(directory, 'header.bin');
    await writeFile(data, head.headerBytes);
    await rm(`${data}.sig`, { force: true });
    await run('gpg', [
      '--homedir',
      gnupg,
      '--batch',
      '-u',
      'a#b@copr.test',
      '--digest-algo',
      'sha256',
      '--detach-sign',
      data,
    ]);
    const packet = await readFile(`${data}.sig`);
    const written = await writePackage(
      path,
      head,
      signedSignatureHeader(head.signature, { tag: signatureTag.rsaHeader, packet }),
      target,
    );
    const bytes = await readFile(target);
    expect(written).toEqual({ size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  }

  async function check(path: string): Promise<string> {
    return (await run('rpmkeys', ['--dbpath', keyring, '--define', '_pkgverify_level all', '-K', path])).stdout;
  }

  it('is accepted by rpm, signature and digests, and keeps header and payload byte for byte', async () => {
    for (const [n, path] of paths.entries()) {
      const target = join(directory, `signed-${n}.rpm`);
      await expect(check(path)).rejects.toThrow();
      await sign(path, target);
      expect(await check(target)).toContain('digests signatures OK');
      const head = await readPackage(target);
      expect(isSigned(head)).toBe(true);
      await verifyPackage(target, head);
      const original = await readPackage(path);
      const [before, after] = [await readFile(path), await readFile(target)];
      expect(after.subarray(head.headerStart).equals(before.subarray(original.headerStart))).toBe(true);
    }
  });

  it('keeps no signature it had before', async () => {
    const [path = ''] = paths.slice(1);
    const foreign = join(directory, 'foreign.rpm');
    await writeFile(foreign, await readFile(path));
    await run('rpmsign', [
      '--define',
      '_gpg_name foreign',
      '--define',
      `_gpg_path ${gnupg}`,
      '--define',
      '__gpg /usr/bin/gpg',
      '--rpmv3',
      '--addsign',
      foreign,
    ]);
    const before = await readPackage(foreign);
    expect(before.signature.entries.has(signatureTag.pgp)).toBe(true);
    expect(before.signature.entries.has(signatureTag.rsaHeader)).toBe(true);

    const target = join(directory, 'ours.rpm');
    await sign(foreign, target);
    const after = await readPackage(target);
    expect(after.signature.entries.has(signatureTag.pgp)).toBe(false);
    expect(after.signature.entries.has(signatureTag.reservedSpace)).toBe(false);
    expect(await check(target)).toContain('digests signatures OK');
  });

  it('is not written over an existing file', async () => {
    const [path = ''] = paths;
    await writeFile(join(directory, 'there.rpm'), 'x');
    await expect(sign(path, join(directory, 'there.rpm'))).rejects.toMatchObject({ code: 'EEXIST' });
  });
});
