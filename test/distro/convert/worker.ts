import { writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { readDeb } from '../deb/package.ts';
import { fileName } from '../rpm/model.ts';
import { writeRpm } from '../rpm/write.ts';
import { type ConversionContext, rpmNameOf, toRpm } from './convert.ts';

/** First message to a conversion process; structured clone keeps the set. */
export interface WorkerSetup {
  context: ConversionContext;
  outputDirectory: string;
}

/** A finished package; sent back for each .deb path received after the setup. */
export interface WorkerResult {
  deb: string;
  error?: string;
}

let setup: WorkerSetup | undefined;

process.on('message', (message: WorkerSetup | string) => {
  if (typeof message !== 'string') setup = message;
  else void answer(message);
});

// The parent is gone: there is nobody left to convert for.
process.on('disconnect', () => process.exit(1));

async function answer(deb: string): Promise<void> {
  const result = await convert(deb).then(
    (): WorkerResult => ({ deb }),
    (error: unknown): WorkerResult => ({ deb, error: error instanceof Error ? error.message : String(error) }),
  );
  process.send?.(result);
}

async function convert(deb: string): Promise<void> {
  if (setup === undefined) throw new Error('the worker got a package before its setup');
  const pkg = toRpm(await readDeb(deb), setup.context);
  const name = fileName(pkg);
  const path = join(setup.outputDirectory, name);
  if (name !== rpmNameOf(deb, setup.context.release))
    throw new Error(`the file name does not say what it holds: ${name}`);
  // A name that exists is complete: a killed conversion leaves only a temporary file behind.
  writeFileSync(`${path}.part`, writeRpm(pkg));
  await rename(`${path}.part`, path);
}
