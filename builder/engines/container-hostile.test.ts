import { readdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Workshop } from '../testing/workshop.ts';
import { expectSuccess, openWorkshop } from '../testing/workshop.ts';

/** A spec whose macros, which run as the build user before root installs the BuildRequires, reach for root. */

let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
}, 900_000);
afterAll(() => workshop?.close());
afterEach(() => workshop?.sweep());

const TRAP = '%%_dbpath %%(touch /kopr/results/root-was-here; echo /var/lib/rpm)';
const ATTACK = [
  'exec 2>/dev/null; cd /kopr/work',
  'mv state stolen && mkdir -p state/root-home state/zypp && touch /kopr/work/replaced-state',
  `echo "${TRAP}" > state/root-home/.rpmmacros && touch /kopr/work/wrote-macros`,
  'echo "exit 0" >> plan/engine.sh && touch /kopr/work/wrote-engine',
  'echo 1 > plan/network && touch /kopr/work/wrote-plan',
  'mkdir dnf-cache-trap',
  'mv build/SRPMS build/moved && ln -s /kopr/results build/SRPMS',
  'echo forged > /kopr/results/verdict.json; echo forged >> /kopr/results/root.log',
  'echo > /kopr/control/uploaded',
  'echo tried',
].join('; ');

it('a spec that reaches for root before the BuildRequires are installed gets nothing', {
  timeout: 180_000,
}, async () => {
  const built = await workshop.build('words', {
    spec: (text) =>
      `%global attack %(${ATTACK})\n${text.replace('BuildArch', 'BuildRequires: make\nBuildArch')}\n# %{attack}\n`,
  });
  expect(
    (await readdir(built.pod.work)).filter((name) => !['build', 'home', 'plan', 'state', 'dnf-cache'].includes(name)),
  ).toEqual([]);
  expect(built.results).not.toContain('root-was-here');
  expect(built.text('root.log')).not.toContain('forged');
  expectSuccess(built);
});
