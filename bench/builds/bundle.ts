import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');
const REQUIRE =
  "import { createRequire as kopr_createRequire } from 'node:module'; const require = kopr_createRequire(import.meta.url);";

/**
 * Bundles a program as its image has it, with the sampler in front: what takes the types off TypeScript would be most of
 * its memory. Returns the path.
 */
export async function bundle(program: string): Promise<string> {
  const outfile = join(ROOT, `node_modules/.cache/kopr-bench/${program.replaceAll('/', '-')}.${process.pid}.mjs`);
  const entry = [join(import.meta.dirname, 'sampler.ts'), join(ROOT, program)];
  await build({
    stdin: { contents: entry.map((path) => `import ${JSON.stringify(path)};`).join('\n'), resolveDir: ROOT },
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // It reads kubeconfig files, which no operator in a pod has to.
    external: ['@kubernetes/client-node', 'cpu-features', '*.node'],
    banner: { js: REQUIRE },
    logLevel: 'warning',
  });
  return outfile;
}
