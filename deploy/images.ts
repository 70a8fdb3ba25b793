/** Builds everything that runs in the cluster: kopr's images, the chroots of the test distribution, its web server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { step } from './progress.ts';
import { lastLine, ROOT, run } from './run.ts';

const LONG_MS = 2_400_000;
const NODE = process.execPath;

export interface Images {
  /** Tag of kopr's own images. It follows from their content. */
  tag: string;
  archives: string[];
}

export async function buildImages(): Promise<Images> {
  await step('bundling the programs', () => run(NODE, ['build.ts']));
  const script = join(ROOT, 'images', 'build.sh');
  // Asked for once: it follows from files that may be edited meanwhile, and what is built must be what is installed.
  const tag = lastLine(await run(script, ['--print-tag']));
  const own = await step('building the images of kopr', () => run(script, ['--tag', tag], { timeoutMs: LONG_MS }));
  const chroots = await step('building the test distribution Pebble Linux', () =>
    run(NODE, ['test/distro/main.ts', 'images'], { timeoutMs: LONG_MS }),
  );
  const files = await step('building the web server with its repositories and the test packages', buildFiles);
  return { tag, archives: [...lines(own), ...lines(chroots), ...lines(files)] };
}

async function buildFiles(): Promise<string> {
  const fixtures = await mkdtemp(join(tmpdir(), 'kopr-fixtures-'));
  try {
    await run(NODE, ['test/fixtures/build.ts', fixtures]);
    return await run(NODE, ['test/distro/main.ts', 'files', '--fixtures', fixtures], { timeoutMs: LONG_MS });
  } finally {
    await rm(fixtures, { recursive: true, force: true });
  }
}

function lines(output: string): string[] {
  return output.split('\n').filter((line) => line !== '');
}

if (import.meta.main) {
  const { archives } = await buildImages();
  process.stdout.write(`${archives.join('\n')}\n`);
}
