import { describe, expect, it } from 'vitest';
import { aChroot } from '../testing/objects.ts';
import { skipReason } from './children.ts';

describe('skipReason', () => {
  it.each([
    { chroot: 'pebble-13-x86_64', exclusiveArch: [], excludeArch: [], skipped: undefined },
    { chroot: 'pebble-13-x86_64', exclusiveArch: ['x86_64', 'aarch64'], excludeArch: [], skipped: undefined },
    { chroot: 'pebble-13-x86_64', exclusiveArch: ['noarch'], excludeArch: [], skipped: undefined },
    {
      chroot: 'pebble-13-x86_64',
      exclusiveArch: ['i686'],
      excludeArch: [],
      skipped: /^ExclusiveArch is i686; .*x86_64$/,
    },
    { chroot: 'pebble-12-i386', exclusiveArch: ['i686'], excludeArch: [], skipped: undefined },
    { chroot: 'pebble-12-i686', exclusiveArch: ['i386'], excludeArch: [], skipped: undefined },
    { chroot: 'pebble-12-i386', exclusiveArch: ['x86_64'], excludeArch: [], skipped: /^ExclusiveArch/ },
    { chroot: 'pebble-12-i386', exclusiveArch: [], excludeArch: ['i586'], skipped: /^ExcludeArch has i586$/ },
    { chroot: 'pebble-12-armhfp', exclusiveArch: ['armv7hl'], excludeArch: [], skipped: undefined },
    { chroot: 'pebble-12-armhfp', exclusiveArch: [], excludeArch: ['armv7hl'], skipped: /^ExcludeArch has armv7hl$/ },
    { chroot: 'pebble-12-aarch64', exclusiveArch: ['armv7hl'], excludeArch: [], skipped: /^ExclusiveArch/ },
    { chroot: 'pebble-13-x86_64', exclusiveArch: [], excludeArch: ['noarch', 's390x'], skipped: undefined },
    { chroot: 'pebble-13-x86_64', exclusiveArch: ['x86_64'], excludeArch: ['x86_64'], skipped: /^ExcludeArch/ },
  ])('of $chroot for ExclusiveArch $exclusiveArch and ExcludeArch $excludeArch: $skipped', (entry) => {
    const reason = skipReason(aChroot(entry.chroot), entry);
    if (entry.skipped === undefined) expect(reason).toBeUndefined();
    else expect(reason).toMatch(entry.skipped);
  });
});
