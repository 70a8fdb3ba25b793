import { describe, expect, it } from 'vitest';
import { builderPoolSpec } from '../../crds/builderpool.ts';
import { hypervisorObjects, machinePool, poolSecrets, type World } from './world.ts';

const pair = (name: string) => ({ private: `private ${name}`, public: `ssh-ed25519 ${name}` });
const WORLD: World = {
  namespace: 'e2e-hypervisor',
  buildsNamespace: 'kopr-builds',
  keys: { host: pair('host'), hooks: pair('hooks'), machines: pair('machines') },
  reference: (image) => image.replace('localhost', 'registry.example.com'),
  most: 3,
};

describe('the hypervisor', () => {
  it('is a pod that needs no right, and no more than its machines take', () => {
    const text = JSON.stringify(hypervisorObjects(WORLD).at(-1));
    expect(text).toContain('"image":"registry.example.com/kopr-test-hypervisor:latest"');
    expect(text).toContain('"hostUsers":false');
    expect(text).toContain('"runAsNonRoot":true');
    expect(text).toContain('"capabilities":{"drop":["ALL"]}');
    expect(text).toContain('"limits":{"memory":"5376Mi"}');
    expect(text).not.toMatch(/privileged|hostNetwork|"private /);
  });
});

describe('a pool of its machines', () => {
  it('is one that the API server takes', () => {
    const pool = machinePool(WORLD, 'vm', 'aarch64', { max: 1 }) as { spec: unknown };
    expect(builderPoolSpec.parse(pool.spec)).toMatchObject({ max: 1, architectures: ['aarch64'] });
  });

  it('has one key for the host and another one for the machines', () => {
    const [hooks, ssh] = poolSecrets(WORLD).map((secret) => JSON.stringify(secret));
    expect(hooks).toContain('private hooks');
    expect(hooks).toContain('[hypervisor.e2e-hypervisor.svc]:2222 ssh-ed25519 host');
    expect(ssh).toContain('private machines');
    expect(`${hooks}${ssh}`).not.toContain('private host');
  });
});
