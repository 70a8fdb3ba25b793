import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './testing/helm.ts';
import { pages } from './testing/markdown.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('a link in the documentation', () => {
  it.each(pages())('leads somewhere: %s', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, path]) => path ?? '');
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(page), link)))).toEqual([]);
  });
});

/** Every reason that these controllers give for what they decide; waits of a controller itself are nobody's concern. */
function reasonsOf(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const lines = files
    .flatMap((name) => read(join(folder, name)).split('\n'))
    .filter((line) => !line.includes('requeueAfterMs:'));
  const given =
    /(?:reason: |(?:lost|told|warning|normal|no|removal)\((?:world, |builder, )?|at\(world, '\w+', )'([A-Z]\w+)'/g;
  return lines.flatMap((line) => [...line.matchAll(given)].map(([, reason]) => reason ?? ''));
}

describe('the guide to builders', () => {
  const guide = read('docs/builders.md');

  it.each(['ticket', 'pool', 'machine', 'fleet', 'orphan', 'placeholder'])(
    'explains every reason that users see: %s',
    (controller) => {
      const reasons = new Set(reasonsOf(`controllers/${controller}`));
      expect(reasons.size).toBeGreaterThan(0);
      expect([...reasons].filter((reason) => !guide.includes(`\`${reason}\``))).toEqual([]);
    },
  );
});
