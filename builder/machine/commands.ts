import { errorMessage } from '../../lib/errors.ts';
import type { ProbeReport } from '../../lib/protocol/machine.ts';
import { DRIVER_HOST_KEY, DRIVER_MACHINE_LOST } from '../../lib/protocol/machine.ts';
import type { Process } from '../process.ts';
import { untilEnding } from '../process.ts';
import type { Access } from './access.ts';
import { readAccess } from './access.ts';
import { engineFor } from './driver.ts';
import { HostKeyError, MachineLost, MachineRefused } from './errors.ts';
import { readKit } from './kit.ts';
import { MachineLink } from './link.ts';

/** The longest that a pool may let a machine start. Whoever runs the probe ends it earlier. */
const PROBE_PATIENCE_MS = 86_400_000;
const NOT_READY_MS = 3_000;

/** Waits until the machine answers over SSH and can build; says how it is known and what it is. */
export async function probeCommand(context: Process): Promise<number> {
  const { config } = context;
  const access = await readAccess(config.machine, config, { firstUse: true });
  const link = await openLink(context, access, PROBE_PATIENCE_MS);
  try {
    process.stdout.write(`${JSON.stringify(await untilUsable(link, context))}\n`);
    return 0;
  } finally {
    link.close();
  }
}

/** A machine that is reached may still be setting itself up: sudo, mock or dnf come later. */
async function untilUsable(link: MachineLink, { clock, log, ending }: Process): Promise<ProbeReport> {
  for (;;) {
    try {
      const { engines, architecture } = await link.perform((far) => far.describe());
      return { hostKeys: [link.hostKey], engine: engineFor(link.target.engine, engines), architecture };
    } catch (error) {
      if (!(error instanceof MachineRefused)) throw error;
      log.warn({ reason: error.message }, 'the machine is not ready');
      await clock.sleep(NOT_READY_MS, ending).catch(() => {
        throw error;
      });
    }
  }
}

/** Does the machine answer, and let us in as root? */
export function checkCommand(context: Process): Promise<number> {
  return onMachine(context, (link) => link.perform((far) => far.describe()));
}

/** Ends whatever runs in the slot, and removes all that builds have left there. */
export function cleanCommand(context: Process): Promise<number> {
  return onMachine(context, (link) => link.perform((far) => far.clean()));
}

/** Keeps its place on a node until somebody else needs it. */
export async function idleCommand(context: Process): Promise<number> {
  context.log.info('holds its place');
  await untilEnding(context);
  return 0;
}

async function onMachine(context: Process, work: (link: MachineLink) => Promise<unknown>): Promise<number> {
  try {
    const access = await readAccess(context.config.machine, context.config, { firstUse: false });
    const link = await openLink(context, access, access.target.reconnectSeconds * 1000);
    try {
      await work(link);
      return 0;
    } finally {
      link.close();
    }
  } catch (error) {
    process.stderr.write(`builder: ${errorMessage(error)}\n`);
    return exitCode(error);
  }
}

async function openLink(context: Process, access: Access, patienceMs: number): Promise<MachineLink> {
  const { clock, random, log, ending: signal } = context;
  const kit = await readKit(context.config.farDir);
  return new MachineLink({ access, kit, clock, random, log, signal, patienceMs });
}

/** What the operator reads from the end of the container. */
export function exitCode(error: unknown): number {
  if (error instanceof HostKeyError) return DRIVER_HOST_KEY;
  if (error instanceof MachineLost) return DRIVER_MACHINE_LOST;
  return 1;
}
