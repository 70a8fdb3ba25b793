import { describe, expect, it } from 'vitest';
import { toolSeconds } from './timing.ts';

const log = (...phases: string[]): string =>
  phases
    .map((phase) => phase.split(' '))
    .map(
      ([second = '', name = '']) => `something\nkopr: phase ${name} at 2026-01-02T03:04:${second.padStart(2, '0')}Z\n`,
    )
    .join('');

describe('the time that dnf and rpmbuild take', () => {
  it.each([
    { what: 'nothing without a log', logs: [], seconds: 0 },
    { what: 'nothing in a log without their phases', logs: [log('1 prepare', '5 results', '9 finished')], seconds: 0 },
    {
      what: 'their phases alone',
      logs: [log('1 prepare', '2 builddep', '7 rpmbuild', '9 results', '12 finished')],
      seconds: 7,
    },
    {
      what: 'builds one after the other',
      logs: [log('1 srpm', '3 results'), log('10 srpm', '14 results')],
      seconds: 6,
    },
    {
      what: 'builds at the same time once',
      logs: [log('1 rpmbuild', '8 results'), log('4 rpmbuild', '10 results')],
      seconds: 9,
    },
    { what: 'a build within another once', logs: [log('4 srpm', '5 results'), log('1 srpm', '9 results')], seconds: 8 },
    { what: 'requirements found while building', logs: [log('1 dynamic-builddep-1', '4 results')], seconds: 3 },
    { what: 'nothing for a phase that was cut off', logs: [log('1 builddep', '4 rpmbuild')], seconds: 3 },
  ])('counts $what', ({ logs, seconds }) => {
    expect(toolSeconds(logs)).toBe(seconds);
  });

  it('does not take what a build prints in the middle of a line for a phase', () => {
    expect(toolSeconds([`echo kopr: phase rpmbuild at 2026-01-02T03:04:05Z\n${log('1 srpm', '2 results')}`])).toBe(1);
  });
});
