import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-vm-'));
  writeFileSync(join(dir, 'environment'), `VM_MACHINES=${dir}/machines\n`);
  // The remains of one that has died.
  mkdirSync(join(dir, 'machines', 'dead-1'), { recursive: true });
  writeFileSync(join(dir, 'machines', 'dead-1', 'arch'), 'x86_64\n');
  writeFileSync(join(dir, 'machines', 'dead-1', 'pid'), '1\n');
});
afterAll(() => rmSync(dir, { recursive: true }));

function sh(script: string, args: string[], env: Record<string, string> = {}) {
  const all = { PATH: process.env.PATH, VM_MACHINES: join(dir, 'machines'), VM_STATE: dir, ...env };
  return spawnSync('sh', [join(import.meta.dirname, script), ...args], { env: all, encoding: 'utf8' });
}

describe('the hypervisor', () => {
  it.each([['../x'], ['-rf'], [''], ['A b'], ['.part']])('takes no machine by the name %j', (name) => {
    const { status, stderr } = sh('vm.sh', ['new', name]);
    expect(status).toBe(1);
    expect(stderr).toContain('is no name of a machine');
  });

  it('names the commands that there are', () => {
    expect(sh('vm.sh', ['start']).stderr).toContain("unknown command 'start'; there are: new, delete");
  });

  it('makes no machine of an architecture that it has no system for', () => {
    const { status, stderr } = sh('vm.sh', ['new', 'one', 's390x'], { VM_IMAGES: dir });
    expect(status).toBe(1);
    expect(stderr).toContain("there is no image for 's390x'");
  });

  it('lists a machine that has died, says so, and removes it as often as one likes', () => {
    expect(sh('vm.sh', ['list']).stdout).toBe('dead-1\n');
    expect(sh('vm.sh', ['check', 'dead-1'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('does not run'),
    });
    expect(sh('vm.sh', ['delete', 'dead-1']).status).toBe(0);
    expect(sh('vm.sh', ['delete', 'dead-1']).status).toBe(0);
    expect(sh('vm.sh', ['list']).stdout).toBe('');
    expect(sh('vm.sh', ['check', 'dead-1']).stderr).toContain("there is no machine 'dead-1'");
  });
});

test.each([
  [''],
  ['sh'],
  ['vm'],
  ['vm kill one'],
  ['vm run one id'],
  ['vm list;id'],
  ['vm\nkill one'],
  ['/usr/local/bin/vm list'],
])('a login that says %j gets nothing', (command) => {
  const { status, stdout, stderr } = sh('shell.sh', [], { SSH_ORIGINAL_COMMAND: command });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toContain('and nothing else');
});
