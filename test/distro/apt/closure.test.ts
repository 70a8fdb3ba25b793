import { expect, test } from 'vitest';
import { plannedFiles } from './closure.ts';

test('the plan of apt names the files it has downloaded', () => {
  const plan = `NOTE: only a simulation
Inst gcc-14-base (14.2.0-19 Debian:13.1/stable [amd64])
Inst bison (2:3.8.2+dfsg-1+b2 Debian:13.1/stable [amd64]) [libc6:amd64 ]
Inst tzdata (2026a-0+deb12u1 Debian:12.9/oldstable, Debian-Security:12 [all])
Conf gcc-14-base (14.2.0-19 Debian:13.1/stable [amd64])
`;
  expect(plannedFiles(plan)).toEqual([
    'gcc-14-base_14.2.0-19_amd64.deb',
    'bison_2%3a3.8.2+dfsg-1+b2_amd64.deb',
    'tzdata_2026a-0+deb12u1_all.deb',
  ]);
});
