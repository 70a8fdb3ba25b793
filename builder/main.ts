import { systemClock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { createLogger } from '../lib/log.ts';
import { agentCommand } from './agent/command.ts';
import { loadConfig } from './config.ts';
import { fetchCommand } from './fetch/command.ts';
import { checkCommand, cleanCommand, idleCommand, probeCommand } from './machine/commands.ts';
import { machineCommand } from './machine/machine-command.ts';
import type { Command } from './process.ts';
import { srpmCommand } from './sources/command.ts';

const USAGE = `usage: builder (fetch | srpm | agent | machine | probe | check | clean | idle | --help)

What runs inside a build pod, one sub-command per container:
  fetch   init container: downloads or clones the inputs of the task, verifies them, and plans the build
  srpm    build container of a source task: makes the SRPM of what fetch has found
  agent   sidecar: sends the log while it grows, then the results, to the publisher
  machine build container of a binary task on a machine: drives the build there over SSH

On machines, and in pods that hold a place:
  probe   waits until a machine answers over SSH and can build; its last line says how it is known and what it is
  check   does the machine answer?
  clean   ends what runs in a slot of the machine, and removes what builds have left there
  idle    does nothing until it is told to end

The build container of a binary task is the chroot's own image; it runs engines/container/engine.sh.
Settings are environment variables (KOPR_TASK_FILE, KOPR_WORK_DIR, KOPR_RESULTS_DIR, …; see builder/config.ts).
Exit code 0: the container has done its part, whatever became of the build. Anything else: try the task again;
21: the machine is lost, 22: it shows another host key than the one that it is known by.
`;

const COMMANDS: Readonly<Record<string, Command>> = {
  fetch: fetchCommand,
  srpm: srpmCommand,
  agent: agentCommand,
  machine: machineCommand,
  probe: probeCommand,
  check: checkCommand,
  clean: cleanCommand,
  idle: idleCommand,
};

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined || rest.length > 0) {
    process.stderr.write(USAGE);
    return 2;
  }
  const config = loadConfig();
  const log = createLogger(`builder-${name}`, config.logLevel);
  return await command({ config, log, clock: systemClock, random: Math.random, ending: endingSignal(log) });
}

/** The first process of a container gets no default action for signals: without this SIGTERM would be ignored. */
function endingSignal(log: Logger): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'asked to end');
      controller.abort(new Error(`ended by ${signal}`));
    });
  }
  return controller.signal;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`builder: ${errorMessage(error)}\n`);
    process.exit(1);
  },
);
