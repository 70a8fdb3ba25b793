/** What BuilderPools of machines (providers `command` and `hosts`) say of them. */
import { z } from 'zod';
import { asMap, image, objectName, text } from './common.ts';

const seconds = (max: number, fallback: number) => z.int().min(1).max(max).default(fallback);

const hook = z.object({
  command: z
    .array(z.string().max(4096))
    .min(1)
    .max(64)
    .describe('Program and arguments. A script of Resalloc: ["/bin/sh", "-c", "the text of cmd_…"].'),
  timeoutSeconds: seconds(86_400, 600).describe('After so long the hook is killed and has failed.'),
});

const envName = text(128, /^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable');

export const commandProvider = z
  .object({
    image: image.describe('Image with the hooks and with /bin/sh.'),
    imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent').describe('When it is pulled.'),
    secretName: objectName
      .optional()
      .describe(
        'Secret in the same namespace with credentials: its keys are environment variables of every hook, and files in /kopr/secret.',
      ),
    env: z
      .array(
        z.object({
          name: envName.describe('Name.'),
          value: z.string().max(4096).describe('Value.'),
        }),
      )
      .max(50)
      .optional()
      .meta({ description: 'More environment variables of every hook; nothing secret.', ...asMap('name') }),
    new: hook.describe('Makes a machine (cmd_new of Resalloc). Its output, at most 512 bytes, says how to reach it.'),
    delete: hook.describe(
      'Removes the machine (cmd_delete). It must succeed for a machine that is gone already; when it fails it is run again.',
    ),
    livecheck: hook.optional().describe('Is the machine alive (cmd_livecheck)? Without it: does it answer over SSH?'),
    release: hook
      .optional()
      .describe(
        'Cleans the machine for its next use in the same sandbox (cmd_release). Without it kopr cleans it over SSH.',
      ),
    list: hook
      .optional()
      .describe('Prints the names of all machines of the pool (cmd_list); kopr deletes those it does not know.'),
    listPeriodSeconds: seconds(604_800, 1800).describe('How often "list" runs.'),
  })
  .describe("Machines that are made and deleted by hooks, as Resalloc's: any cloud, libvirt, KubeVirt.");

const sshUser = text(64, /^[a-z_][a-z0-9_.-]*\$?$/, 'must be the name of a user: small letters, digits and _ . -');
const hostAddress = text(
  253,
  /^[A-Za-z0-9_][A-Za-z0-9._:-]*$/,
  'must be a host name or an address: letters, digits and . _ : -',
);
// A list in a list: a rule in CEL with a sentence would cost the API server more than it allows. This is a pattern.
const hostKey = z
  .string()
  .max(4096)
  .regex(/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*$/);

export const hostsProvider = z
  .object({
    machines: z
      .array(
        z.object({
          name: objectName.max(63).describe('Name of the machine.'),
          address: hostAddress.describe('Host name or address at which the builds namespace reaches it.'),
          port: z.int().min(1).max(65_535).default(22).describe('Port of its sshd.'),
          user: sshUser.optional().describe('User to log in as; default: that of the pool.'),
          slots: z
            .int()
            .min(1)
            .max(100)
            .default(1)
            .describe('Builds that it may run at the same time; always of one sandbox.'),
          hostKeys: z.array(hostKey).max(8).optional().describe('Its host keys.'),
        }),
      )
      .min(1)
      .max(500)
      .meta({ description: 'The inventory.', ...asMap('name') }),
  })
  .describe('Machines that exist already. kopr cleans them after every use, and never deletes them.');

export const sshAccess = z
  .object({
    user: sshUser.default('root').describe('User to log in as. It must be root, or be allowed "sudo -n".'),
    keySecretName: objectName.describe('Secret of type kubernetes.io/ssh-auth in the same namespace.'),
    hostKeys: z
      .enum(['Output', 'KnownHosts', 'FirstUse'])
      .default('Output')
      .describe(
        'Where host keys are known from. Output: the hook "new" prints host_key, or the inventory has hostKeys. KnownHosts: knownHostsSecretName. FirstUse: whatever the machine shows when it is first reached, and nothing else from then on.',
      ),
    knownHostsSecretName: objectName.optional().describe('Secret in the same namespace with a key "known_hosts".'),
    repositories: z
      .enum(['Tunnel', 'Direct'])
      .default('Tunnel')
      .describe(
        'How the machine reaches package repositories. Tunnel: through the SSH connection, and only those of the build. Direct: over its own network.',
      ),
    engine: z
      .enum(['auto', 'dnf', 'mock'])
      .default('auto')
      .describe(
        'What builds there: mock, or dnf and rpmbuild in a build root of their own. auto: mock if it is installed.',
      ),
    connectTimeoutSeconds: seconds(600, 30).describe('How long connecting and logging in may take.'),
    keepAliveSeconds: seconds(600, 15).describe('Three missed answers in a row, and the connection is made anew.'),
    reconnectSeconds: seconds(86_400, 600).describe('A machine that cannot be reached for so long is lost.'),
  })
  .describe('How machines are reached. Without it they serve clients of Resalloc only.');

export const liveness = z
  .object({
    periodSeconds: seconds(86_400, 300).describe('Seconds between two probes of one machine.'),
    attempts: z.int().min(1).max(100).default(3).describe('Probes in a row that must fail before it is given up.'),
    timeoutSeconds: seconds(3600, 60).describe('After so long a probe has failed.'),
  })
  .describe('Probes of machines that are up, free or not; all of them in parallel.');

export const reuse = z
  .object({
    waitSeconds: z
      .int()
      .min(0)
      .max(604_800)
      .default(0)
      .describe('Seconds (reuse_opportunity_time) that a released machine waits for its sandbox; 0: it is deleted.'),
    maxUses: z.int().min(0).max(100_000).default(0).describe('Uses (reuse_max_count), at most; 0: any number.'),
    maxSeconds: z
      .int()
      .min(0)
      .max(31_536_000)
      .default(3600)
      .describe('Seconds (reuse_max_time) after its first use in which it may be used again; 0: any time.'),
  })
  .describe('Further uses of a machine, always in its one sandbox.');
