#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { readConfig } from '../distro/config.ts';
import { runLocked } from '../distro/lock.ts';
import { buildMachines } from './build.ts';

const HELP = `Usage: node test/vm/main.ts images [ARCHITECTURE...]

Makes the images with which tests start virtual machines in a cluster, and prints their archives: the hypervisor with
the systems of its machines (x86_64 and aarch64 unless told), and the hooks of a pool of builders that ask it for some.

Progress goes to standard error. Root is needed, and the packages of packages.txt.

Environment:
  KOPR_CACHE          where results are kept (default: $XDG_CACHE_HOME/kopr or ~/.cache/kopr)
  KOPR_DEBIAN_MIRROR  Debian mirror to use instead of the one in apt's own sources
`;

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' } },
  });
  const [command, ...architectures] = positionals;
  if (values.help || command === undefined) {
    process.stdout.write(HELP);
    return;
  }
  if (command !== 'images') throw new Error(`unknown command '${command}'; see --help`);
  const config = readConfig();
  if (process.getuid?.() !== 0) throw new Error('root is needed to install systems into directories');
  if (!config.locked) return runLocked(config.cacheDirectory, 'vm.lock');
  const archives = await buildMachines(config, architectures, report);
  for (const archive of archives) process.stdout.write(`${archive}\n`);
}

const started = performance.now();

function report(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  process.stderr.write(`[${seconds.padStart(3)} s] ${line}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`vm: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
