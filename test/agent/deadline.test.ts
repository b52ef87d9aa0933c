import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Deadline } from '../../src/agent/deadline.ts';
import { ProgramSkipper } from '../../src/agent/program-skipper.ts';
import { bounds } from '../../src/limits.ts';

test('a deadline that is not stopped is missed', async () => {
  await expect(new Deadline(1).missed).rejects.toMatchObject({ code: 'connection' });
});

test('a deadline counts from its last start', async () => {
  const deadline = new Deadline(50);
  deadline.restart(10_000);
  await expect(Promise.race([deadline.missed, sleep(100, 'not missed')])).resolves.toBe('not missed');
  deadline.restart(1);
  await expect(deadline.missed).rejects.toMatchObject({ message: 'The client did not begin a run in time.' });
});

test('a deadline that is stopped is not missed', async () => {
  const deadline = new Deadline(20);
  deadline.stop();
  await expect(Promise.race([deadline.missed, sleep(60, 'not missed')])).resolves.toBe('not missed');
});

test('what follows a program is found however the stream is cut', () => {
  const stream = Buffer.from('00000005_____the rest');
  for (let cut = 0; cut <= stream.length; cut++) {
    const skipper = new ProgramSkipper();
    const lengths: number[] = [];
    const rests = [stream.subarray(0, cut), stream.subarray(cut)].map((part) =>
      skipper.push(part, (lengthBytes) => lengths.push(lengthBytes)),
    );
    expect(Buffer.concat(rests.filter((rest) => rest !== undefined)).toString()).toBe('the rest');
    expect(lengths).toEqual([5]);
  }
});

test('a length that no program has is refused', () => {
  for (const digits of [`${bounds.maxAgentBytes}`.padStart(8, '0'), '1e3', '  ', '-1', '0x']) {
    expect(() => new ProgramSkipper().push(Buffer.from(digits), () => undefined)).toThrow(/not Basyn/);
  }
});
