import { join } from 'node:path';
import { atMost, withDeadline } from '../../lib/deadline.ts';
import { errorMessage, TerminalError } from '../../lib/errors.ts';
import { driverLimitSeconds } from '../../lib/protocol/machine.ts';
import type { TaskDocument } from '../../lib/protocol/task.ts';
import { openLiveLog } from '../live-log.ts';
import { workLayout } from '../paths.ts';
import type { Process } from '../process.ts';
import { readTask, stageOf } from '../task-file.ts';
import { existingVerdict, failure, waitForUpload, writeVerdict } from '../verdict.ts';
import type { Access } from './access.ts';
import { readAccess } from './access.ts';
import { allowedPlaces } from './allowed.ts';
import { exitCode } from './commands.ts';
import type { Drive } from './driver.ts';
import { drive } from './driver.ts';
import { LogCopy } from './follower.ts';
import type { Kit } from './kit.ts';
import { readKit } from './kit.ts';
import { MachineLink } from './link.ts';
import { createTunnel } from './tunnel.ts';

/** Of the grace period of the pod. */
const CANCEL_MS = 20_000;
/** Room for the engine's own last lines behind a log that was cut. */
const LOG_SLACK = 65_536;

type BinaryTask = Drive['task'];

/** The build container of a stage on a machine: 0 when its verdict has been uploaded, whatever it says. */
export async function machineCommand(context: Process): Promise<number> {
  const { config, clock, ending, log } = context;
  try {
    if ((await existingVerdict(config.resultsDir)) === undefined) await build(context);
    const upload = await waitForUpload(config.controlDir, clock, config.uploadSeconds * 1000, ending);
    if (upload === 'uploaded') return 0;
    log.error({ upload }, 'the results were not uploaded');
    return 1;
  } catch (error) {
    log.error({ reason: errorMessage(error) }, 'the build on the machine has no verdict');
    return exitCode(error);
  }
}

async function build(context: Process): Promise<void> {
  const { config } = context;
  const task = binaryTask(await readTask(config.taskFile));
  const access = await readAccess(config.machine, config, { firstUse: false });
  const kit = await readKit(config.farDir);
  try {
    await attempt(context, task, access, kit);
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    await writeVerdict(config.resultsDir, failure(error));
  }
}

async function attempt(context: Process, task: BinaryTask, access: Access, kit: Kit): Promise<void> {
  const { config, clock, random, ending } = context;
  const log = context.log.child({ task: task.task, machine: access.target.name });
  const copy = await openCopy(context, access);
  const direct = access.target.repositories === 'Direct';
  const tunnel = direct ? undefined : createTunnel(allowedPlaces(task.binary.repos), log);
  const linked = { access, kit, clock, random, log, task: task.task };
  const ms = driverLimitSeconds(task.timeoutSeconds) * 1000;
  try {
    await withDeadline({ clock, ms, what: 'the build on the machine', signal: ending }, async (signal) => {
      const patienceMs = access.target.reconnectSeconds * 1000;
      const link = new MachineLink({ ...linked, tunnel, signal, patienceMs });
      try {
        await drive({ ...config, task, layout: workLayout(config.workDir), kit, link, copy, clock, log, signal });
      } finally {
        link.close();
      }
    });
  } catch (error) {
    // What goes on there would build for nobody. A machine that is lost cannot be told.
    if (exitCode(error) === 1) await cancel(new MachineLink({ ...linked, patienceMs: CANCEL_MS }), context, task);
    throw error;
  } finally {
    tunnel?.close();
  }
}

/** What is said here is said before the copy begins: from then on the log is the machine's alone. */
async function openCopy({ config }: Process, access: Access): Promise<LogCopy> {
  const stateFile = join(config.workDir, 'machine-log');
  if (!(await LogCopy.isBegun(stateFile))) {
    const log = openLiveLog(config.resultsDir, config.maxLogBytes);
    log.say(`phase machine: ${access.target.name}`);
    log.close();
  }
  return LogCopy.open(config.resultsDir, stateFile, config.maxLogBytes + LOG_SLACK);
}

async function cancel(link: MachineLink, { clock, log }: Process, task: BinaryTask): Promise<void> {
  const cancelling = link
    .perform((far) => far.cancel(task.task))
    .then(
      () => log.info('the run on the machine was ended'),
      (error: unknown) => log.warn({ reason: errorMessage(error) }, 'the run on the machine could not be ended'),
    );
  await atMost(clock, CANCEL_MS, cancelling);
  link.close();
}

function binaryTask(task: TaskDocument): BinaryTask {
  const stage = stageOf(task);
  if (stage.kind === 'binary') return { ...task, binary: stage.binary };
  throw new Error('source packages are made in pods, not on machines');
}
