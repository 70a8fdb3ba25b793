/** What dnf and rpmbuild do in a build; the other phases are kopr's own. */
const TOOLS = /^(buildroot|srpm|builddep|rpmbuild|dynamic-builddep-\d+)$/;
const PHASE = /^kopr: phase (\S+) at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$/gm;

interface Interval {
  /** ms since the epoch */
  from: number;
  to: number;
}

/**
 * Seconds in which dnf or rpmbuild ran in at least one of the builds whose live logs are given. Builds that run at the
 * same time count once: what is left of the time on the clock is what kopr and Kubernetes took. Times in the logs are
 * whole seconds, so that each phase is right within one.
 */
export function toolSeconds(logs: readonly string[]): number {
  let seconds = 0;
  let until = 0;
  for (const { from, to } of logs.flatMap(toolPhases).sort((a, b) => a.from - b.from)) {
    seconds += Math.max(0, to - Math.max(from, until)) / 1000;
    until = Math.max(until, to);
  }
  return seconds;
}

/** Each phase lasts until the next one begins; the last line of an engine is a phase, too. */
function toolPhases(log: string): Interval[] {
  const phases = [...log.matchAll(PHASE)].map(([, name = '', at = '']) => ({ name, at: Date.parse(at) }));
  return phases.flatMap(({ name, at }, index) => {
    const next = phases[index + 1];
    return TOOLS.test(name) && next !== undefined ? [{ from: at, to: next.at }] : [];
  });
}
