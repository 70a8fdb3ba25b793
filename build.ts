/** Bundles every program of kopr into one file each: `node build.ts` writes dist/<name>.mjs. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const PROGRAMS: Record<string, string> = {
  operator: 'controllers/main.ts',
  keygen: 'services/keygen/main.ts',
  distgit: 'services/distgit/main.ts',
  publisher: 'services/publisher/main.ts',
  resalloc: 'services/resalloc/main.ts',
  builder: 'builder/main.ts',
  api: 'api/main.ts',
  bootstrap: 'charts/bootstrap/main.ts',
  selftest: 'test/selftest/main.ts',
};

/** Some dependencies are CommonJS: they call require() and ask for their directory. An ES module has to bring both along. */
const COMMONJS =
  "import { createRequire as kopr_createRequire } from 'node:module'; const require = kopr_createRequire(import.meta.url), __dirname = import.meta.dirname;";

const missing = Object.values(PROGRAMS).filter((entry) => !existsSync(entry));
if (missing.length > 0) throw new Error(`cannot bundle, since these files are missing: ${missing.join(', ')}`);
await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
await build({
  entryPoints: PROGRAMS,
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minifySyntax: true,
  // The first reads kubeconfig files, which nothing in an image has; with it a bundle of 2 MB would have 18.
  // The others are native helpers that ssh2 takes where they have been compiled, and does without.
  external: ['@kubernetes/client-node', 'cpu-features', '*.node'],
  legalComments: 'none',
  sourcemap: false,
  banner: { js: COMMONJS },
  logLevel: 'warning',
});
