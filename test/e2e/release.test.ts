import { describe, expect, it } from 'vitest';
import { cluster, kubectl, RELEASE_NAMESPACE, until } from './harness.ts';

describe('the release', () => {
  it('passes its own helm test', async () => {
    const output = await (await cluster()).helm(['test', 'kopr', '--namespace', RELEASE_NAMESPACE, '--timeout', '3m']);
    expect(output).toMatch(/Phase: +Succeeded/);
  });

  it('has two operators, of which one leads and both are ready', async () => {
    const ready = [
      '-n',
      RELEASE_NAMESPACE,
      'get',
      'deployment',
      'kopr-operator',
      '-o',
      'jsonpath={.status.readyReplicas}',
    ];
    await until(
      'both operators are ready',
      () => kubectl(...ready),
      (count) => count === '2',
      60,
    );
    const holder = await kubectl(
      '-n',
      RELEASE_NAMESPACE,
      'get',
      'lease',
      'kopr-operator',
      '-o',
      'jsonpath={.spec.holderIdentity}',
    );
    expect(holder).toMatch(/^kopr-operator-/);
  });

  it.each(['builds', 'projects', 'chroots', 'builderpools'])('explains every field of %s', async (kind) => {
    const text = await kubectl('explain', `${kind}.spec`, '--recursive=false');
    expect(text).toContain('DESCRIPTION');
    expect(text).not.toContain('<no description>');
  });

  it('gives the builds namespace no way to the API server', async () => {
    const able = await kubectl(
      'auth',
      'can-i',
      'list',
      'secrets',
      '-n',
      'kopr-builds',
      '--as=system:serviceaccount:kopr-builds:default',
    ).catch((error: unknown) => (error instanceof Error && 'output' in error ? String(error.output) : ''));
    expect(able.trim()).toBe('no');
  });
});
