import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

const never = new AbortController().signal;

it('lets so many in at once, the others in their order', async () => {
  const turns = new Turns(2, 10);
  const order: string[] = [];
  const enter = async (name: string) => {
    const leave = await turns.take(never);
    order.push(name);
    return leave!;
  };
  const [a] = await Promise.all([enter('a'), enter('b')]);
  const waiting = [enter('c'), enter('d')];
  expect(order).toEqual(['a', 'b']);
  a();
  // Giving back twice gives nothing away.
  a();
  (await waiting[0]!)();
  await waiting[1];
  expect(order).toEqual(['a', 'b', 'c', 'd']);
});

it('sends away who comes when too many wait', async () => {
  const turns = new Turns(1, 1);
  const leave = await turns.take(never);
  const waiting = turns.take(never);
  expect(await turns.take(never)).toBeUndefined();
  leave!();
  expect(await waiting).toBeDefined();
});

it('passes over who went away while waiting', async () => {
  const turns = new Turns(1, 10);
  const leave = await turns.take(never);
  const gone = new AbortController();
  const first = turns.take(gone.signal);
  const second = turns.take(never);
  gone.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  leave!();
  const leaveSecond = await second;
  leaveSecond!();
  expect(await turns.take(never)).toBeDefined();
});
