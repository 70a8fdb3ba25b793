import { toTimestamp } from '../lib/clock.ts';

/** metav1.MicroTime: RFC 3339 with exactly six fractional digits. */
export function toMicroTime(ms: number): string {
  const millis = Math.floor(ms) % 1000;
  return toTimestamp(ms).replace('Z', `.${String(millis).padStart(3, '0')}000Z`);
}
