const FIRST_PAUSE_MS = 10_000;
export const LONGEST_PAUSE_MS = 300_000;

/** The pause after n failures in a row of what a cloud or a cluster may not be able to give just now: 10 s, 20 s, 40 s … at most 5 min. */
export function pauseAfter(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
}
