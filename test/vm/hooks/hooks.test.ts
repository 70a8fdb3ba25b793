import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kopr-hooks-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a hook with another program in the place of ssh. */
function hook(name: string, ssh: string) {
  writeFileSync(join(dir, 'ssh'), `#!/bin/sh\n${ssh}\n`);
  chmodSync(join(dir, 'ssh'), 0o755);
  const env = {
    PATH: `${dir}:${process.env.PATH}`,
    HYPERVISOR_HOST: 'h',
    HYPERVISOR_PORT: '22',
    RESALLOC_NAME: 'pool-00000001',
    RESALLOC_POOL_ID: 'pool',
  };
  return spawnSync('sh', [join(import.meta.dirname, `${name}.sh`)], { env, encoding: 'utf8' });
}

describe('the hooks', () => {
  it('list the machines of their own pool', () => {
    const said = 'echo pool-00000001; echo pool-00000002; echo other-00000003; echo poolish-1';
    expect(hook('list', said)).toMatchObject({ status: 0, stdout: 'pool-00000001\npool-00000002\n' });
  });

  it('fail when the host does not answer, so that nothing is concluded', () => {
    for (const name of ['list', 'new', 'delete', 'livecheck']) expect(hook(name, 'exit 255').status).not.toBe(0);
  });

  it('print of a new machine nothing but its description', () => {
    const said =
      'case "$*" in *"vm new pool-00000001 x86_64") printf -- "---\\nhost: 10.0.0.1\\n" ;; *) exit 0 ;; esac';
    expect(hook('new', said)).toMatchObject({ status: 0, stdout: '---\nhost: 10.0.0.1\n' });
  });
});
