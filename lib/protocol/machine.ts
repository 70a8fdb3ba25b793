import { z } from 'zod';
import { POD_FAILSAFE_SECONDS } from './task.ts';

/**
 * What is agreed between the operator, which makes the pods that drive a machine over SSH, and the program that runs in
 * them (`builder machine`, `probe`, `check` and `clean`).
 */

/** A public SSH host key: its type and its base64 text. */
export const HOST_KEY = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*$/;

export const machineTarget = z.strictObject({
  /** Name of the Builder, for logs. */
  name: z.string().min(1).max(253),
  /** Host name or address. */
  host: z
    .string()
    .max(253)
    .regex(/^[A-Za-z0-9_][A-Za-z0-9._:-]*$/),
  port: z.int().min(1).max(65_535),
  user: z
    .string()
    .max(64)
    .regex(/^[a-z_][a-z0-9_.-]*\$?$/),
  /** Which of the builds that the machine may run at once; names the directory of the work there. */
  slot: z.int().min(1).max(1000),
  /** Empty: those of the file `known_hosts`, if there is one. */
  hostKeys: z.array(z.string().max(4096).regex(HOST_KEY)).max(8),
  /** Only `probe` heeds it: without any known key it takes whatever the machine shows, and reports it. */
  trustFirstUse: z.boolean(),
  engine: z.enum(['auto', 'dnf', 'mock']),
  repositories: z.enum(['Tunnel', 'Direct']),
  connectTimeoutSeconds: z.int().min(1).max(600),
  keepAliveSeconds: z.int().min(1).max(600),
  /** A machine that cannot be reached for so long is lost. */
  reconnectSeconds: z.int().min(1).max(86_400),
});
export type MachineTarget = z.infer<typeof machineTarget>;

/** The last line of the standard output of `probe`, as JSON. */
export const probeReport = z.strictObject({
  /** As the machine showed them: the one that was verified or, on first use, believed. */
  hostKeys: z.array(z.string().max(4096).regex(HOST_KEY)).min(1).max(8),
  engine: z.enum(['dnf', 'mock']),
  /** What `uname -m` says there. */
  architecture: z.string().regex(/^[A-Za-z0-9_]{1,64}$/),
});
export type ProbeReport = z.infer<typeof probeReport>;

/**
 * Seconds after which the driver gives a build up, so that it is tried again: the build has ended by then, and it is the
 * machine that cannot be reached or does not answer as it should. The other half of what its pod has is for the pod to
 * start, and for the upload of what came at the last moment.
 */
export function driverLimitSeconds(timeoutSeconds: number): number {
  return timeoutSeconds + POD_FAILSAFE_SECONDS / 2;
}

/** Exit code when the machine is gone or could not be reached for `reconnectSeconds`: another one may do. */
export const DRIVER_MACHINE_LOST = 21;
/** Exit code when the machine shows another host key than those it is known by. */
export const DRIVER_HOST_KEY = 22;

/** The variable that holds the machineTarget as JSON. */
export const MACHINE_VARIABLE = 'KOPR_MACHINE';

/** Paths inside the pods that drive a machine. */
export const sshPaths = {
  /** Secret volume: the private key, as in Secrets of type kubernetes.io/ssh-auth. */
  key: '/kopr/ssh/key/ssh-privatekey',
  /** Secret volume that may be absent. */
  knownHosts: '/kopr/ssh/known-hosts/known_hosts',
} as const;

/** Directory on the machine under which each slot has its own. */
export const MACHINE_ROOT = '/var/tmp/kopr';
