import { describe, expect, it } from 'vitest';
import { NOW } from '../testing/objects.ts';
import { longSlotName, machineName, slotName } from './names.ts';
import { aCloud } from './testing/objects.ts';

function nameOf(namePattern: string, pool = 'cloud', id = 42): string {
  return machineName(aCloud({ namePattern }, {}, pool), id, NOW);
}

describe('the name of a machine', () => {
  it.each([
    ['{pool_name}-{id}', 'cloud-00000042'],
    // The default of Resalloc, in letters that objects may have.
    ['{pool_name}_{id}_{datetime}', 'cloud-00000042-20261124-120000'],
    ['copr.{id}.vm', 'copr.00000042.vm'],
    ['a-.-{id}', 'a.00000042'],
    ['fixed', 'fixed-00000042'],
    ['{unknown}-{id}', 'unknown--00000042'],
  ])('follows the pattern %s', (pattern, name) => {
    expect(nameOf(pattern)).toBe(name);
  });

  it('leaves room for the names of what belongs to it, and is still its own', () => {
    const names = [1, 2].map((id) => nameOf('{pool_name}-{id}', 'x'.repeat(250), id));
    expect(names.every((name) => /^[a-z0-9]([a-z0-9-]{0,198}[a-z0-9])?$/.test(name))).toBe(true);
    expect(names[0]).not.toBe(names[1]);
  });

  it('has more than eight digits after the first hundred million', () => {
    expect(nameOf('{pool_name}-{id}', 'cloud', 123_456_789)).toBe('cloud-123456789');
  });

  it('of an inventory says which slot it is', () => {
    expect(slotName('rack', 'm1', 2)).toBe('rack-m1-2');
    expect(longSlotName('a', 'b-c', 1)).not.toBe(longSlotName('a-b', 'c', 1));
  });
});
