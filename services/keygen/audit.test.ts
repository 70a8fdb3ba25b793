import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditRecord } from './audit.ts';
import { AuditError, AuditLog } from './audit.ts';

let directory = '';
let path = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kopr-audit-'));
  path = join(directory, 'audit.log');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const record = (index: number): AuditRecord => ({
  event: 'create-key',
  time: '2026-01-31T12:00:00Z',
  peer: 'kopr-publisher',
  identity: `alice#p${index}@copr.test`,
  fingerprint: 'ab'.repeat(20),
});

const open = (maxBytes = 1_000_000, keep = 3): Promise<AuditLog> => AuditLog.open({ path, maxBytes, keep });

function identities(file = path): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).identity);
}

describe('audit log', () => {
  it('has every record in the file when append resolves, in the order of the calls', async () => {
    const log = await open();
    await log.append([record(0), record(1)]);
    expect(identities()).toEqual(['alice#p0@copr.test', 'alice#p1@copr.test']);
    await Promise.all(Array.from({ length: 50 }, (_, index) => log.append([record(index + 2)])));
    expect(identities()).toEqual(Array.from({ length: 52 }, (_, index) => `alice#p${index}@copr.test`));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await log.close();
  });

  it('goes on where it ended, after a torn last line too', async () => {
    writeFileSync(path, `${JSON.stringify(record(0))}\n{"event":"sig`);
    const log = await open();
    await log.append([record(1)]);
    await log.close();
    const lines = readFileSync(path, 'utf8').split('\n');
    expect(lines[1]).toBe('{"event":"sig');
    expect(JSON.parse(lines[2] ?? '').identity).toBe('alice#p1@copr.test');
  });

  it('is set aside before it grows too big, and only so many old ones are kept', async () => {
    const size = JSON.stringify(record(0)).length + 1;
    const log = await open(size * 2, 3);
    for (let index = 0; index < 10; index++) await log.append([record(index)]);
    await log.close();
    expect(readdirSync(directory).sort()).toEqual(['audit.log', 'audit.log.1', 'audit.log.2', 'audit.log.3']);
    expect(identities()).toEqual(['alice#p8@copr.test', 'alice#p9@copr.test']);
    expect(identities(`${path}.1`)).toEqual(['alice#p6@copr.test', 'alice#p7@copr.test']);
    expect(identities(`${path}.3`)).toEqual(['alice#p2@copr.test', 'alice#p3@copr.test']);
  });

  it('loses nothing when a former rotation was interrupted', async () => {
    writeFileSync(path, `${JSON.stringify(record(9))}\n`);
    writeFileSync(`${path}.2`, `${JSON.stringify(record(1))}\n`);
    writeFileSync(`${path}.3`, `${JSON.stringify(record(0))}\n`);
    const log = await open(1, 3);
    await log.append([record(10)]);
    await log.close();
    expect(['', '.1', '.2', '.3'].map((suffix) => identities(path + suffix)[0])).toEqual([
      'alice#p10@copr.test',
      'alice#p9@copr.test',
      'alice#p1@copr.test',
      'alice#p0@copr.test',
    ]);
  });

  it('rejects while the disk is full and works again afterwards', async () => {
    symlinkSync('/dev/full', path);
    const log = await open();
    const results = await Promise.allSettled([log.append([record(0)]), log.append([record(1)])]);
    for (const result of results) {
      expect(result.status === 'rejected' && result.reason).toBeInstanceOf(AuditError);
      expect(result.status === 'rejected' && String(result.reason)).toContain('ENOSPC');
    }
    rmSync(path);
    await log.append([record(2)]);
    expect(identities()).toEqual(['alice#p2@copr.test']);
    await log.close();
  });

  it('that cannot be opened is known at the start', async () => {
    await expect(
      AuditLog.open({ path: join(directory, 'missing', 'audit.log'), maxBytes: 1, keep: 1 }),
    ).rejects.toThrow('ENOENT');
  });
});
