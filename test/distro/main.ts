#!/usr/bin/env node
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { debianMirror } from './apt/mirror.ts';
import { buildDistribution, chrootArchivePath } from './build.ts';
import { readConfig } from './config.ts';
import { buildFilesImage } from './files/image.ts';
import { runLocked } from './lock.ts';
import { RELEASES } from './releases.ts';
import { run } from './run.ts';

const HELP = `Usage: node test/distro/main.ts COMMAND [OPTIONS]

Makes Pebble Linux, the RPM distribution that kopr is tested on, out of Debian packages.

Commands:
  build    build repositories and chroot images once; prints their directory:
             DIR/13-x86_64/repo  DIR/13-x86_64/chroot.oci.tar  (and 12-i386)
  images   the same; prints the archives of the chroot images, one a line
  files    build the web server image with the repositories; prints its archive
             --fixtures DIR    serve the content of DIR from the root (repeatable)
             --base ARCHIVE    OCI archive with nginx (default: the target 'web' of images/build.sh)
  mirror   print the Debian mirror that this machine's apt uses

Progress goes to standard error. Root is needed, for dnf installs into a directory.

Environment:
  KOPR_CACHE          where results are kept (default: $XDG_CACHE_HOME/kopr or ~/.cache/kopr)
  KOPR_DEBIAN_MIRROR  Debian mirror to use instead of the one in apt's own sources
`;

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      fixtures: { type: 'string', multiple: true },
      base: { type: 'string' },
    },
  });
  const [command] = positionals;
  if (values.help || command === undefined || command === 'help') {
    process.stdout.write(HELP);
    return;
  }
  if (!['build', 'images', 'files', 'mirror'].includes(command) || positionals.length > 1) {
    throw new Error(`unknown command '${positionals.join(' ')}'; see --help`);
  }
  const config = readConfig();
  if (command === 'mirror') return print(await debianMirror(config.mirror));
  if (process.getuid?.() !== 0) throw new Error('root is needed to install distributions into directories');
  if (!config.locked) return runLocked(config.cacheDirectory, 'pebble.lock');

  const distribution = await buildDistribution(config, report);
  if (command === 'build') print(distribution);
  if (command === 'images') for (const release of RELEASES) print(chrootArchivePath(distribution, release));
  if (command === 'files') {
    const webImage = values.base ?? (await defaultWebImage());
    const outputDirectory = join(config.cacheDirectory, 'pebble-files');
    print(await buildFilesImage({ distribution, webImage, fixtures: values.fixtures ?? [], outputDirectory }));
  }
}

async function defaultWebImage(): Promise<string> {
  const script = join(import.meta.dirname, '..', '..', 'images', 'build.sh');
  const output = await run(script, ['web'], { timeout: 1_200_000 });
  return output.toString('utf8').trim();
}

const started = performance.now();

function report(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  process.stderr.write(`[${seconds.padStart(3)} s] ${line}\n`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`pebble: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
