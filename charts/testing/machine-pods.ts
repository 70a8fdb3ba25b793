/** The pods that the operator makes, or has made, besides those of builds: for machines, and to keep room. */
import { driverPod } from '../../controllers/builder/driver.ts';
import { hookJob, hookMachineOf } from '../../controllers/hook/job.ts';
import { machineTargetOf, probeJob } from '../../controllers/hook/probe.ts';
import { aCommandPool, aMachine, SSH } from '../../controllers/hook/testing/objects.ts';
import { placeholderPod } from '../../controllers/placeholder/pod.ts';
import { aPool } from '../../controllers/testing/objects.ts';
import type { Json } from '../../crds/testing/api.ts';
import type { Job } from '../../operator/core.ts';
import { INSTALLATION, worldOf } from './builder-world.ts';

const WARM = { workspace: { medium: 'Disk', sizeLimit: '20Gi' }, warm: 1 } as const;

export function machinePods(): Record<'driver' | 'hook' | 'probe' | 'placeholder', Json> {
  const ssh = { ...SSH, hostKeys: 'KnownHosts' as const, knownHostsSecretName: 'known' };
  const pool = aCommandPool({ secretName: 'cloud', env: [{ name: 'REGION', value: 'eu' }] }, { ssh });
  const builder = aMachine({ status: { address: '10.0.0.7:22' } });
  const target = machineTargetOf(builder, pool);
  if (target === undefined) throw new Error('the machine of the test has no address');
  const hook = hookJob({ name: 'new', hook: 'new', pool, machine: hookMachineOf(builder) });
  const common = { pool, builder, target, installation: INSTALLATION };
  const probe = probeJob({ ...common, name: 'probe', command: 'probe', timeoutSeconds: 60 });
  const driver = driverPod({ ...worldOf('binary'), builder, pool }, target, INSTALLATION);
  const options = { installation: INSTALLATION, priorityClassName: 'kopr-placeholder' };
  const placeholder = placeholderPod(aPool('default', { pod: WARM }), ['distribution:1'], 0, options);
  return { driver: { ...driver }, hook: podOf(hook), probe: podOf(probe), placeholder: { ...placeholder } };
}

/** As the Job controller makes it. */
function podOf({ metadata: { name }, spec: { template } }: Job): Json {
  return { apiVersion: 'v1', kind: 'Pod', ...template, metadata: { ...template.metadata, name: `${name}-abcde` } };
}
