import { describe, expect, it } from 'vitest';
import { Lane } from './lane.ts';

function keysOf(lane: Lane): string[] {
  const keys: string[] = [];
  for (let first = lane.shift(); first !== undefined; first = lane.shift()) keys.push(first.key);
  return keys;
}

describe('Lane', () => {
  it('hands out keys in the order in which they came, with the time', () => {
    const lane = new Lane();
    lane.push('a', 1);
    lane.push('b', 2);
    expect(lane.shift()).toMatchObject({ key: 'a', since: 1 });
    expect(lane.shift()).toMatchObject({ key: 'b', since: 2 });
    expect(lane.shift()).toBeUndefined();
  });

  it('lets a key go from the middle, and takes it again at the end', () => {
    const lane = new Lane();
    for (const key of ['a', 'b', 'c']) lane.push(key, 1);
    expect(lane.remove('b')).toBe(1);
    expect(lane.remove('b')).toBeUndefined();
    lane.push('b', 2);
    expect(lane.size).toBe(3);
    expect(keysOf(lane)).toEqual(['a', 'c', 'b']);
  });

  it('keeps the order of thousands while most of them leave and come back', () => {
    const lane = new Lane();
    const all = Array.from({ length: 8_000 }, (_, index) => `key-${index}`);
    for (const key of all) lane.push(key, 0);
    const gone = all.filter((_, index) => index % 8 !== 0);
    for (const key of gone) lane.remove(key);
    expect(lane.shift()?.key).toBe('key-0');
    for (const key of gone) lane.push(key, 1);
    expect(lane.size).toBe(7_999);
    const stayed = all.filter((_, index) => index % 8 === 0).slice(1);
    expect(keysOf(lane)).toEqual([...stayed, ...gone]);
    expect(lane.size).toBe(0);
  });
});
